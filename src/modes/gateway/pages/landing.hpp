#pragma once
// The built-in landing page's script: one button that spawns a session and goes to it. Its data is in attributes of <main>.

#include <string_view>

namespace spawner::gateway::pages {

inline constexpr std::string_view landingScript = R"js(
'use strict';
const root = document.querySelector('main');
const button = document.querySelector('button');
const note = document.querySelector('#note');
const spawn = async () => {
  button.disabled = true;
  note.textContent = 'Starting…';
  try {
    const answer = await fetch('/api/spawn', {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({image: root.dataset.image}),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail || 'The answer was ' + answer.status + '.');
    location.href = told.url || '/p/' + encodeURIComponent(told.name) + '/';
  } catch (error) {
    note.textContent = 'That did not work. ' + error.message;
    button.disabled = false;
  }
};
button.addEventListener('click', spawn);
// Back from a session, the browser may show this page as it was left.
window.addEventListener('pageshow', () => {
  button.disabled = false;
  note.textContent = '';
});
)js";

}  // namespace spawner::gateway::pages
