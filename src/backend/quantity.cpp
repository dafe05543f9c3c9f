#include "backend/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace spawner::backend {

namespace {

struct Suffix {
  std::string_view text;
  double factor;
};
constexpr std::array<Suffix, 16> suffixes = {{{"", 1},
                                              {"n", 1e-9},
                                              {"u", 1e-6},
                                              {"m", 1e-3},
                                              {"k", 1e3},
                                              {"M", 1e6},
                                              {"G", 1e9},
                                              {"T", 1e12},
                                              {"P", 1e15},
                                              {"E", 1e18},
                                              {"Ki", 1024.0},
                                              {"Mi", 1048576.0},
                                              {"Gi", 1073741824.0},
                                              {"Ti", 1099511627776.0},
                                              {"Pi", 1125899906842624.0},
                                              {"Ei", 1152921504606846976.0}}};

bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<double> factorOf(std::string_view suffix) {
  const auto known = std::ranges::find(suffixes, suffix, &Suffix::text);
  if (known != suffixes.end()) return known->factor;
  if (suffix[0] != 'e' && suffix[0] != 'E') return std::nullopt;
  std::string_view digits = suffix.substr(1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int exponent = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  if (failure != std::errc() || end != digits.data() + digits.size() || exponent < -100 || exponent > 100) return std::nullopt;
  return std::pow(10.0, exponent);
}

}  // namespace

std::optional<double> parseQuantity(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::size_t length = 0, digits = 0, dots = 0;
  while (length < text.size() && (isDigit(text[length]) || text[length] == '.')) (text[length++] == '.' ? dots : digits) += 1;
  if (digits == 0 || dots > 1) return std::nullopt;
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + length, number, std::chars_format::fixed);
  if (failure != std::errc() && end == text.data()) return std::nullopt;
  const std::optional<double> factor = factorOf(text.substr(length));
  if (!factor) return std::nullopt;
  return (negative ? -number : number) * *factor;
}

bool isContainerResource(std::string_view name) {
  if (name == "cpu" || name == "memory" || name == "ephemeral-storage" || name.starts_with("hugepages-")) return true;
  const std::size_t slash = name.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < name.size() && name.find('/', slash + 1) == std::string_view::npos;
}

std::optional<ResourceProblem> resourceProblem(const Quantities& limits, const Quantities& requests) {
  using Kind = ResourceProblem::Kind;
  for (const auto& [part, list] : {std::pair(std::string("limits"), &limits), std::pair(std::string("requests"), &requests)}) {
    for (const auto& [name, text] : *list) {
      const std::optional<double> number = parseQuantity(text);
      if (!number) return ResourceProblem{part, name, text, Kind::NotAQuantity, "must be a quantity, such as \"500m\" or \"1Gi\""};
      if (*number < 0) return ResourceProblem{part, name, text, Kind::Negative, "must be greater than or equal to 0"};
      if (!isContainerResource(name))
        return ResourceProblem{part, name, text, Kind::UnknownName, "must be a standard resource for containers"};
    }
  }
  for (const auto& [name, text] : requests) {
    const auto limit = std::ranges::find(limits, name, &std::pair<std::string, std::string>::first);
    if (limit != limits.end() && *parseQuantity(text) > *parseQuantity(limit->second))
      return ResourceProblem{"requests", name, text, Kind::AboveLimit,
                             "must be less than or equal to " + name + " limit of " + limit->second};
  }
  return std::nullopt;
}

}  // namespace spawner::backend
