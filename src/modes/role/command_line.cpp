#include "modes/role/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <utility>

namespace spawner::role {
namespace {

CLI::Option* finish(CLI::Option* option, const std::string& env, const std::string& group) {
  if (!env.empty()) option->envname(env);
  if (!group.empty()) option->group(group);
  return option;
}

/// CLI11 reads "-1" as a huge unsigned number.
CLI::Validator wholeNumber(Range range) {
  const std::string allowed = std::to_string(range.least) + " … " + std::to_string(range.most);
  return CLI::Validator(
      [range, allowed](const std::string& text) {
        std::uint64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, problem] = std::from_chars(text.data(), end, value);
        if (problem == std::errc() && stop == end && value >= range.least && value <= range.most) return std::string();
        return text + " is not a whole number of " + allowed;
      },
      "", "whole number");
}

template <class T>
void addNumber(CLI::App& command, const std::string& group, const std::string& flag, T& value, const std::string& env,
               const std::string& help, Range range) {
  range.most = std::min<std::uint64_t>(range.most, std::numeric_limits<T>::max());
  finish(command.add_option(flag, value, help), env, group)->check(wholeNumber(range))->capture_default_str();
}

class Subcommand final : public CLI::App {
 public:
  Subcommand(CLI::App& parent, const std::string& name, const std::string& what, std::function<void(CommandLine&)> bind)
      : CLI::App(what, name, &parent), bind_(std::move(bind)) {
    preparse_callback([this](std::size_t) { bindOptions(); });
  }
  void bindOptions() {
    if (!bind_) return;
    CommandLine line(*this);
    std::exchange(bind_, nullptr)(line);
  }

 private:
  std::function<void(CommandLine&)> bind_;  // empty once it was called
};

}  // namespace

void CommandLine::text(const std::string& flag, std::string& value, const std::string& env, const std::string& help) {
  finish(command_.add_option(flag, value, help), env, group_)->capture_default_str();
}

void CommandLine::choice(const std::string& flag, std::string& value, const std::string& env, const std::string& help,
                         const std::vector<std::string>& allowed) {
  finish(command_.add_option(flag, value, help), env, group_)->check(CLI::IsMember(allowed))->capture_default_str();
}

void CommandLine::number(const std::string& flag, std::uint16_t& value, const std::string& env, const std::string& help, Range range) {
  addNumber(command_, group_, flag, value, env, help, range);
}
void CommandLine::number(const std::string& flag, std::uint32_t& value, const std::string& env, const std::string& help, Range range) {
  addNumber(command_, group_, flag, value, env, help, range);
}
void CommandLine::number(const std::string& flag, std::size_t& value, const std::string& env, const std::string& help, Range range) {
  addNumber(command_, group_, flag, value, env, help, range);
}

void CommandLine::decimal(const std::string& flag, double& value, const std::string& env, const std::string& help) {
  finish(command_.add_option(flag, value, help), env, group_)->check(CLI::NonNegativeNumber)->capture_default_str();
}

void CommandLine::flag(const std::string& flag, bool& value, const std::string& env, const std::string& help) {
  finish(command_.add_flag(flag, value, help), env, group_);
}

void CommandLine::onOff(const std::string& flag, bool& value, const std::string& env, const std::string& help) {
  finish(command_.add_option(flag, value, help), env, group_)
      ->check(CLI::IsMember(std::vector<std::string>{"on", "off"}))
      ->default_str(value ? "on" : "off");
}

void CommandLine::list(const std::string& flag, std::vector<std::string>& values, const std::string& env, const std::string& help) {
  finish(command_.add_option(flag, values, help), env, group_)->delimiter(',')->capture_default_str();
}

void CommandLine::repeated(const std::string& flag, std::vector<std::string>& values, const std::string& help) {
  finish(command_.add_option(flag, values, help), "", group_)->allow_extra_args(false);
}

void addSubcommand(CLI::App& app, const std::string& name, const std::string& what, std::function<void(CommandLine&)> bind,
                   std::function<void()> chosen) {
  app.add_subcommand(std::make_shared<Subcommand>(app, name, what, std::move(bind)))->callback(std::move(chosen));
}

void bindSubcommands(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    if (auto* const ours = dynamic_cast<Subcommand*>(command)) ours->bindOptions();
}

void addRole(CLI::App& app, std::function<int()>& run, RoleCommand role) {
  const auto common = std::make_shared<CommonOptions>();
  const auto kept = std::make_shared<const RoleCommand>(std::move(role));
  const auto bind = [common, kept](CommandLine& line) {
    kept->bind(line);
    addCommonOptions(line, *common, kept->kube);
  };
  addSubcommand(app, kept->name, kept->what, bind, [common, kept, &run] {
    run = [common, kept] {
      if (kept->prepare) kept->prepare(*common);
      return runProcess(kept->name, *common, kept->kube, kept->start);
    };
  });
}

}  // namespace spawner::role
