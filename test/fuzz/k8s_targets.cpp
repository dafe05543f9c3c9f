// What comes from Kubernetes and from its users: kubeconfig files, objects, lists and watches.
#include <string>
#include <vector>

#include "backend/decode.hpp"
#include "fuzz/targets.hpp"
#include "k8s/config.hpp"
#include "k8s/documents.hpp"
#include "k8s/lease.hpp"
#include "k8s/line_splitter.hpp"

namespace spawner::fuzz {

void kubeconfig(std::string_view bytes) {
  const auto config = k8s::kubeconfigFrom({{"/folder/config", std::string(bytes)}}, "");
  if (config) expect(!config->server.empty(), "a context leads to a server");
  if (!config) expect(!config.error().message.empty(), "a refusal says why");
}

void kubernetesObjects(std::string_view bytes) {
  const auto slab = backend::decodeSlab(bytes);
  if (slab) expect(!slab->meta.name.empty(), "an object has a name");
  const auto pod = backend::decodePod(bytes);
  if (pod) expect(!pod->meta.name.empty(), "a pod has a name");
  const auto service = backend::decodeService(bytes);
  if (service) expect(!service->meta.name.empty(), "a Service has a name");
  if (const auto lease = k8s::decodeLease(bytes)) {
    const auto held = k8s::decodeLease(k8s::heldLease(*lease, "me", std::chrono::seconds(15), WallTime{}));
    expect(held.ok() && held->holder == "me", "a Lease that was read can be taken");
  }
}

void kubernetesStreams(std::string_view bytes) {
  std::string body(bytes);
  if (const auto page = k8s::readListPage(body))
    for (const auto& item : page->items) expect(!item.key.empty() && !item.json.empty(), "an item of a list has a key and a text");
  (void)k8s::statusCode(std::string(bytes));
  const auto read = [&](std::size_t step) {
    k8s::LineSplitter lines(4096);
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      lines.feed(bytes.substr(at, step));
      for (;;) {
        const auto line = lines.next();
        if (!line) return seen.emplace_back("too long"), seen;
        if (!*line) break;
        const auto event = k8s::readWatchEvent(**line);
        seen.push_back(event ? event->object.key + " " + event->object.resourceVersion : "refused");
      }
    }
    return seen;
  };
  const auto whole = read(bytes.size() + 1), cut = read(7);
  expect(whole == cut, "a watch tells the same however its bytes are cut");
}

}  // namespace spawner::fuzz
