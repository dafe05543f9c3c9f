// What the API reads of a client: the body of POST /spawn.
#include <algorithm>
#include <string>

#include "backend/builders.hpp"
#include "backend/decode.hpp"
#include "backend/spawn.hpp"
#include "fuzz/targets.hpp"
#include "modes/api/spawn_request.hpp"

namespace spawner::fuzz {

void spawnRequest(std::string_view bytes) {
  const Result<api::SpawnRequest> request = api::parseSpawnRequest(bytes, 300);
  if (!request) return;
  for (const std::string& field : request->unknownFields)
    expect(std::ranges::all_of(api::unknownFieldWarning(field), [](char c) { return c >= ' ' && c < '\x7f'; }),
           "a warning is printable ASCII, whatever the field's name");
  backend::SpawnParameters parameters = request->parameters;
  parameters.name = "s";
  const Result<Slab> slab = backend::decodeSlab(backend::slabJson(parameters));
  expect(slab.ok(), "the object of a request that was accepted can be read");
  expect(backend::applicationImage(*slab) == parameters.image, "the object has the image that was asked for");
  expect(!parameters.port || slab->spec.httpPort == *parameters.port, "the object has the port that was asked for");
}

}  // namespace spawner::fuzz
