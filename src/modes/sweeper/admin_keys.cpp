#include "modes/sweeper/admin_keys.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"
#include "session/signature.hpp"
#include "spawner/names.hpp"

namespace spawner::sweeper {
namespace {

constexpr std::size_t maxKeyFileBytes = 4096;

/// The field of the Secret, decoded. Messages never hold what was read.
Result<std::string> keyTextOf(const std::string& secretJson) {
  const auto bad = [](std::string why) { return Error{ErrorKind::InvalidArgument, std::move(why), std::nullopt}; };
  const auto secret = nlohmann::json::parse(secretJson, nullptr, false);
  if (!secret.is_object()) return bad("the Secret is not a JSON object");
  const auto data = secret.find("data");
  if (data == secret.end() || !data->is_object()) return bad("the Secret has no data");
  const auto field = data->find(std::string(session::adminKeyField));
  if (field == data->end() || !field->is_string()) return bad("the Secret has no field " + std::string(session::adminKeyField));
  auto text = base64Decode(field->get_ref<const std::string&>());
  if (!text) return bad("the Secret's field is not base64");
  return *std::move(text);
}

}  // namespace

AdminKeys::AdminKeys(Loop& loop, Random& random, k8s::Client& client, Source source, Logger log)
    : loop_(loop),
      random_(random),
      client_(client),
      source_(std::move(source)),
      log_(std::move(log)),
      backoff_({std::chrono::milliseconds(100), std::chrono::seconds(5), 2.0, 0.2}) {}

void AdminKeys::start(Task first) {
  first_ = std::move(first);
  timer_ = loop_.after(Duration::zero(), [this] { read(); });
}

void AdminKeys::refused() {
  if (request_ || loop_.now() - lastRead_ < std::chrono::seconds(5)) return;
  timer_ = loop_.after(Duration::zero(), [this] { read(); });
}

void AdminKeys::read() {
  lastRead_ = loop_.now();
  source_.file.empty() ? readSecret() : readFile();
}

void AdminKeys::readFile() {
  errno = 0;
  std::ifstream file(source_.file, std::ios::binary);
  if (!file) return take(systemError(source_.file, errno == 0 ? EIO : errno));
  std::string text(maxKeyFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  take(std::move(text));
}

void AdminKeys::readSecret() {
  request_ = client_.get(k8s::secrets, source_.systemNamespace, names::adminKeySecret,
                         [this](Result<std::string> secret) { takeSecret(std::move(secret)); });
}

void AdminKeys::takeSecret(Result<std::string> secret) {
  request_ = Pending();
  take(secret ? keyTextOf(*secret) : std::move(secret));
}

void AdminKeys::take(Result<std::string> text) {
  auto keys = text ? session::decodePrivateKeys(*text) : Result<std::vector<Ed25519Key>>(text.error());
  if (!keys) {
    // The controller makes the Secret: at the start of a cluster it is not there for a moment, which is no news.
    if (backoff_.tries() % 10 == 2)
      log_.warn(
          "admin key cannot be read; trying again",
          {{"error", keys.error()},
           {"from", source_.file.empty() ? "Secret " + source_.systemNamespace + "/" + std::string(names::adminKeySecret) : source_.file}});
    timer_ = loop_.after(backoff_.next(random_), [this] { read(); });
    return;
  }
  backoff_.reset();
  if (keys_.empty() || keys->front().publicKey() != keys_.front().publicKey())
    log_.info("admin key", {{"id", session::keyId(keys->front().publicKey())}});
  keys_ = *std::move(keys);
  timer_ = loop_.after(source_.reload, [this] { read(); });
  if (first_) std::exchange(first_, nullptr)();
}

}  // namespace spawner::sweeper
