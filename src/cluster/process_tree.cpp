#include "cluster/process_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "base/text.hpp"
#include "loop/socket.hpp"

namespace spawner::cluster {
namespace {

namespace fs = std::filesystem;

std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool hasMark(pid_t pid, std::string_view name, const std::vector<std::string>& prefixes) {
  const std::string environment = readAll("/proc/" + std::to_string(pid) + "/environ");
  for (std::string_view entry : split(environment, '\0')) {
    if (!entry.starts_with(name) || entry.size() <= name.size() || entry[name.size()] != '=') continue;
    entry.remove_prefix(name.size() + 1);
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return entry.starts_with(prefix); });
  }
  return false;
}

/// Kills through a pidfd and looks at the mark again behind it, so that a reused pid is never hit.
bool killIfMarked(pid_t pid, std::string_view name, const std::vector<std::string>& prefixes) {
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return pidfd && hasMark(pid, name, prefixes) && ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0;
}

}  // namespace

std::vector<pid_t> markedProcesses(std::string_view name, const std::vector<std::string>& valuePrefixes) {
  std::vector<pid_t> found;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", failure)) {
    const auto pid = parseUnsigned(entry.path().filename().string(), INT32_MAX);
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    if (hasMark(static_cast<pid_t>(*pid), name, valuePrefixes)) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

int killMarked(std::string_view name, const std::vector<std::string>& valuePrefixes, int rounds) {
  int sent = 0;
  for (int round = 0; round < rounds; ++round) {
    int now = 0;
    for (const pid_t pid : markedProcesses(name, valuePrefixes)) now += killIfMarked(pid, name, valuePrefixes) ? 1 : 0;
    if (now == 0) break;
    sent += now;
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
