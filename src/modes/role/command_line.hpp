#pragma once
// The options of a subcommand, in one form for all roles: an environment name, the default shown in --help, bad values refused by name.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "modes/role/role.hpp"

namespace CLI {
class App;
}

namespace spawner::role {

/// Bounds of a number, both allowed.
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

/// Binds options to fields, which keep their value where the option is absent; they must live until the command line has been parsed.
/// `env` is the variable that stands for the option; empty: none. A bad value ends the parsing with one line that names the option.
class CommandLine {
 public:
  explicit CommandLine(CLI::App& command) : command_(command) {}

  void text(const std::string& flag, std::string& value, const std::string& env, const std::string& help);
  /// One of `allowed`.
  void choice(const std::string& flag, std::string& value, const std::string& env, const std::string& help,
              const std::vector<std::string>& allowed);
  /// Whole numbers, 0 … the type's largest or `range`; a sign, a fraction and anything else are refused.
  void number(const std::string& flag, std::uint16_t& value, const std::string& env, const std::string& help, Range range = {});
  void number(const std::string& flag, std::uint32_t& value, const std::string& env, const std::string& help, Range range = {});
  void number(const std::string& flag, std::size_t& value, const std::string& env, const std::string& help, Range range = {});
  /// Not negative.
  void decimal(const std::string& flag, double& value, const std::string& env, const std::string& help);
  /// Without a value: true.
  void flag(const std::string& flag, bool& value, const std::string& env, const std::string& help);
  /// Takes "on" or "off".
  void onOff(const std::string& flag, bool& value, const std::string& env, const std::string& help);
  /// Repeatable, and comma-separated.
  void list(const std::string& flag, std::vector<std::string>& values, const std::string& env, const std::string& help);
  /// Repeatable; a comma is part of the value.
  void repeated(const std::string& flag, std::vector<std::string>& values, const std::string& help);

  /// Options added from here on stand under this heading in --help.
  void group(const std::string& heading) { group_ = heading; }

 private:
  CLI::App& command_;
  std::string group_;
};

/// Adds a subcommand; `chosen` is called when it was given and parsed. `bind` is called when it is given: what all the others would take
/// for their options, each sidecar would hold for its life.
void addSubcommand(CLI::App& app, const std::string& name, const std::string& what, std::function<void(CommandLine&)> bind,
                   std::function<void()> chosen);
/// Binds the options of all of them, for who wants to see them.
void bindSubcommands(CLI::App& app);

/// A role as a subcommand.
struct RoleCommand {
  std::string name;
  std::string what;  // one line for --help
  std::function<void(CommandLine&)> bind;
  std::function<Result<std::unique_ptr<Role>>(Context)> start;
  bool kube = true;                                  // false: it has no access to Kubernetes
  std::function<void(CommonOptions&)> prepare = {};  // may change common options after parsing; empty: does not
};
/// Adds the subcommand with its own and the common options; sets `run` when it was chosen.
void addRole(CLI::App& app, std::function<int()>& run, RoleCommand role);

/// The same for a role that needs no more than a function which binds its options and one which starts it from them.
template <class Options>
void addRole(CLI::App& app, std::function<int()>& run, const std::string& name, const std::string& what,
             void (*bind)(CommandLine&, Options&), Result<std::unique_ptr<Role>> (*start)(Context, Options)) {
  const auto options = std::make_shared<Options>();
  RoleCommand role;
  role.name = name;
  role.what = what;
  role.bind = [options, bind](CommandLine& line) { bind(line, *options); };
  role.start = [options, start](Context context) { return start(std::move(context), *options); };
  addRole(app, run, std::move(role));
}

}  // namespace spawner::role
