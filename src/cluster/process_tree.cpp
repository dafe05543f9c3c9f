#include "cluster/process_tree.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "base/text.hpp"
#include "loop/socket.hpp"

namespace spawner::cluster {
namespace {

namespace fs = std::filesystem;

/// Empty, or what came until then, where reading fails: a process may end meanwhile. (An iterator of the buffer would throw then.)
std::string readAll(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

enum class Mark {
  No,
  Yes,
  Unsettled,  // in the midst of an exec: the next look tells
};

/// The bytes of environment that the kernel says a process has (proc(5), stat, fields 50 and 51); nothing while an exec has yet to lay it
/// out.
std::optional<std::uint64_t> environmentBytes(const std::string& folder) {
  const std::string stat = readAll(folder + "/stat");
  std::istringstream words(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));  // the name before it may hold anything
  const std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
  const auto start = word.size() > 48 ? parseUnsigned(word[47], UINT64_MAX) : std::nullopt;
  const auto end = word.size() > 48 ? parseUnsigned(word[48], UINT64_MAX) : std::nullopt;
  if (!start || !end || *end == 0 || *end < *start) return std::nullopt;
  return *end - *start;
}

bool holdsMark(std::string_view environment, std::string_view name, const std::vector<std::string>& prefixes) {
  for (std::string_view entry : split(environment, '\0')) {
    if (!entry.starts_with(name) || entry.size() <= name.size() || entry[name.size()] != '=') continue;
    entry.remove_prefix(name.size() + 1);
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return entry.starts_with(prefix); });
  }
  return false;
}

/// An exec gives a process a new memory, which has no environment at first; what is read of the old one then ends too soon, or is empty.
Mark look(pid_t pid, std::string_view name, const std::vector<std::string>& prefixes) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string environment = readAll(folder + "/environ");
  if (holdsMark(environment, name, prefixes)) return Mark::Yes;
  std::error_code failure;
  (void)fs::read_symlink(folder + "/exe", failure);
  if (failure) return Mark::No;  // gone, a zombie, a kernel thread, or another user's
  const auto bytes = environmentBytes(folder);
  return (bytes ? environment.size() >= *bytes : !environment.empty()) ? Mark::No : Mark::Unsettled;
}

struct Scan {
  std::vector<pid_t> marked, unsettled;
};

Scan scan(std::string_view name, const std::vector<std::string>& prefixes) {
  Scan result;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", failure)) {
    const auto pid = parseUnsigned(entry.path().filename().string(), INT32_MAX);
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    const Mark mark = look(static_cast<pid_t>(*pid), name, prefixes);
    if (mark == Mark::Yes) result.marked.push_back(static_cast<pid_t>(*pid));
    if (mark == Mark::Unsettled) result.unsettled.push_back(static_cast<pid_t>(*pid));
  }
  return result;
}

Fd openProcess(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

constexpr std::size_t maxAwaited = 64;  // descriptors held at once
constexpr int endWaitMilliseconds = 50;

/// Until all of them have ended, or none has for a while: a busy machine lets the killed wait for their turn to die.
void awaitEnds(const std::vector<Fd>& processes) {
  std::vector<pollfd> left;
  for (const Fd& one : processes) left.push_back({.fd = one.get(), .events = POLLIN, .revents = 0});
  while (!left.empty() && ::poll(left.data(), left.size(), endWaitMilliseconds) > 0)
    std::erase_if(left, [](const pollfd& one) { return one.revents != 0; });
}

}  // namespace

std::vector<pid_t> markedProcesses(std::string_view name, const std::vector<std::string>& valuePrefixes) {
  return scan(name, valuePrefixes).marked;
}

int killMarked(std::string_view name, const std::vector<std::string>& valuePrefixes, int rounds) {
  int sent = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Fd> awaited;  // the killed, and those of which the next round tells
    const auto await = [&awaited](Fd process) {
      if (awaited.size() < maxAwaited) awaited.push_back(std::move(process));
    };
    const Scan now = scan(name, valuePrefixes);
    for (const pid_t pid : now.marked) {
      // Through a pidfd, and the mark looked at again behind it, so that a reused pid is never hit.
      Fd process = openProcess(pid);
      const Mark mark = process ? look(pid, name, valuePrefixes) : Mark::No;
      if (mark == Mark::No) continue;
      if (mark == Mark::Yes && ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0) ++sent;
      await(std::move(process));
    }
    for (const pid_t pid : now.unsettled)
      if (Fd process = openProcess(pid)) await(std::move(process));
    if (awaited.empty()) break;
    awaitEnds(awaited);
  }
  return sent;
}

std::vector<std::uint16_t> listeningPorts(const std::vector<pid_t>& pids) {
  std::set<std::string> inodes;
  for (const pid_t pid : pids) {
    std::error_code failure;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", failure)) {
      std::error_code gone;
      const std::string target = fs::read_symlink(entry.path(), gone).string();
      if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
    }
  }
  std::set<std::uint16_t> ports;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::istringstream lines(readAll(table));
    for (std::string line; std::getline(lines, line);) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
      std::istringstream words(line);
      const std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
      if (word.size() < 10 || word[3] != "0A" || !inodes.contains(word[9])) continue;
      const std::size_t colon = word[1].rfind(':');
      unsigned port = 0;
      std::from_chars(word[1].data() + colon + 1, word[1].data() + word[1].size(), port, 16);
      ports.insert(static_cast<std::uint16_t>(port));
    }
  }
  return {ports.begin(), ports.end()};
}

}  // namespace spawner::cluster
