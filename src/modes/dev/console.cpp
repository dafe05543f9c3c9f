#include "modes/dev/console.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace spawner::dev {
namespace {

bool turnedTrue(const cluster::Commit& commit, std::string_view field) {
  return commit.after->json().truthAt({"status", field}) && !(commit.before && commit.before->json().truthAt({"status", field}));
}

std::string applicationImage(const cluster::Json& slab) {
  const cluster::Json* containers = slab.find({"spec", "template", "containers"});
  return containers != nullptr && !containers->items().empty() ? std::string(containers->items()[0].textAt({"image"})) : std::string();
}

/// "Idle: It was unused for 300 s."
std::string endOf(const cluster::Json& slab) {
  const std::string_view message = slab.textAt({"status", "end", "message"});
  std::string text = fmt::format("{}: {}", slab.textAt({"status", "end", "reason"}), message);
  if (message.find("ErrImageNeverPull") != std::string_view::npos)  // for the developer; the message itself is for users, too
    text += fmt::format(" Give its command with --image '{}=COMMAND'.", applicationImage(slab));
  for (const std::string_view line : split(slab.textAt({"status", "end", "log"}), '\n'))
    if (!line.empty()) text += fmt::format("\n           {}", line);
  return text;
}

}  // namespace

Console::Console(const Loop& loop, cluster::Store& store, std::FILE* out) : loop_(loop), out_(out) {
  hook_ = store.onCommit([this](const cluster::Commit& commit) { seen(commit); });
}

void Console::seen(const cluster::Commit& commit) {
  if (&commit.type != &cluster::types::slabs) return;
  if (!commit.after) {
    spawned_.erase(commit.key);
    const cluster::Json& gone = commit.before->json();
    if (!gone.truthAt({"status", "swept"}) && !gone.truthAt({"status", "failed"}))
      say(std::string(commit.before->name()), "ended: deleted on request");
    return;
  }
  const cluster::Json& slab = commit.after->json();
  const std::string name(commit.after->name());
  if (!commit.before) {
    spawned_[commit.key] = loop_.now();
    say(name, "spawned, image " + applicationImage(slab));
  }
  if (turnedTrue(commit, "ready")) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - spawned_[commit.key]);
    say(name, fmt::format("ready after {} ms", since.count()));
  }
  if (turnedTrue(commit, "swept")) say(name, "ended: " + endOf(slab));
  if (turnedTrue(commit, "failed")) say(name, "failed: " + endOf(slab));
}

void Console::say(const std::string& name, const std::string& what) {
  const std::string time = toRfc3339(loop_.wallNow());
  fmt::print(out_, "{} {} {}\n", time.substr(11, 8), name, what);
  std::fflush(out_);
}

}  // namespace spawner::dev
