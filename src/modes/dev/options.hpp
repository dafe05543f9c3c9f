#pragma once
// Options of `spawner dev`. Names of flags: command.cpp.

#include <cstdint>
#include <string>
#include <vector>

#include "spawner/names.hpp"

namespace spawner::dev {

struct Options {
  std::string listen = "127.0.0.1:8080";   // --listen: the gateway
  std::string kubeListen = "127.0.0.1:0";  // --kube-listen: the embedded API server, for kubectl
  std::vector<std::string> images;         // --image NAME=COMMAND
  std::string stateDir;                    // --state-dir; empty: a folder of this user and port in the temporary folder
  std::string kubeconfig;                  // --kubeconfig FILE: written for kubectl; empty: in the state folder only
  std::uint32_t defaultGraceSeconds = names::defaultGraceSeconds;
  std::string urlTemplate;              // --url-template; empty: http://<listen>/p/{}/
  std::vector<std::string> domains;     // --domain, besides "localhost"
  std::vector<std::string> allowHosts;  // --allow-host: further names that browsers may use for it
  std::vector<std::string> passEnv;     // --pass-env NAME: variables of ours that backends get, besides PATH, HOME and the like
  std::string landingImage;             // --landing-image; empty: the first --image
  std::string landingTitle = "New session";
  std::string roles = "all";  // --roles all|none, or a list of controller,sweeper,api,gateway
  std::string logLevel = "info";
  bool h2c = false;                  // --h2c, of the gateway
  std::uint32_t maxSessions = 1000;  // --max-sessions: pods at once
  std::uint32_t stopSeconds = 3;     // --stop-seconds: what backends get to end after Ctrl-C
};

}  // namespace spawner::dev
