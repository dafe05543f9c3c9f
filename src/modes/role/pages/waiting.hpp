#pragma once
// The waiting page's script. Its data is in attributes of <main>, so the script is constant and the policy can name its hash.

#include <string_view>

namespace spawner::role::pages {

/// Listens to the status stream, ticks the states off, loads the page again on Ready, says why on an end and where to go on. A page that is
/// itself such a reload (the stream knew of Ready a moment before the server of the page did) waits a little before the next.
inline constexpr std::string_view waitingScript = R"js(
'use strict';
const root = document.querySelector('main');
const heading = document.querySelector('h1');
const note = document.querySelector('#note');
const again = (delay) => setTimeout(() => location.reload(), delay);
const isReload = performance.getEntriesByType('navigation').some((entry) => entry.type === 'reload');
let begun = null;
const tick = (state, time, bad) => {
  const item = document.querySelector('li[data-state="' + state + '"]') || document.createElement('li');
  if (!item.dataset.state) {
    item.dataset.state = state;
    item.append(state, document.createElement('span'));
    document.querySelector('ol').append(item);
  }
  item.className = bad ? 'bad' : 'done';
  const at = Date.parse(time);
  if (begun === null) begun = at;
  item.querySelector('span').textContent = ((at - begun) / 1000).toFixed(2) + ' s';
};
if (root.dataset.stream) {
  const source = new EventSource(root.dataset.stream);
  source.onmessage = (event) => {
    const change = JSON.parse(event.data);
    const ended = change.state === 'Failed' || change.state === 'Swept';
    tick(change.state, change.time, change.state === 'Failed');
    if (change.state === 'Ready') {
      again(isReload && performance.now() < 2000 ? 250 : 0);
    } else if (ended) {
      source.close();
      root.className = 'ended';
      document.title = heading.textContent = change.state === 'Failed' ? 'The session failed' : 'The session has ended';
      note.textContent = (change.message || '') + (change.reason ? ' (' + change.reason + ')' : '');
      if (root.dataset.start) {
        const link = document.createElement('a');
        link.href = root.dataset.start;
        link.textContent = 'To the start page';
        root.append(link);
      }
    }
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED && root.className !== 'ended') again(3000);
  };
} else {
  again(1000 * Number(root.dataset.refresh));
}
)js";

}  // namespace spawner::role::pages
