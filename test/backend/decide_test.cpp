#include <catch2/catch.hpp>

#include "backend/decide.hpp"
#include "backend/derive.hpp"
#include "backend/status_patch.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using namespace std::chrono_literals;

namespace {

/// One object, what is known of it, and the time.
struct Scene {
  Slab slab = sampleSlab();
  std::optional<PodView> pod;
  std::optional<ServiceView> service;
  Memory memory;
  DecideOptions options;
  Duration now = 0s;

  Decision look() {
    const Observed observed{&slab, pod ? &*pod : nullptr, service ? &*service : nullptr,
                            wall(0) + std::chrono::duration_cast<std::chrono::microseconds>(now), at(now)};
    remember(memory, observed);
    return decide(observed, memory, options);
  }
  Decision lookAfter(Duration d) {
    now += d;
    return look();
  }
  std::vector<std::string> names() { return namesOf(look()); }
  static std::vector<std::string> namesOf(const Decision& decision) {
    std::vector<std::string> result;
    for (const Action& action : decision.actions) result.emplace_back(nameOf(action));
    return result;
  }
  /// A session that is Ready, all its status written.
  static Scene ready() {
    Scene s;
    setReached(s.slab, State::Ready);
    s.pod = runningPod(s.slab);
    s.slab.status.podIp = s.pod->podIp;
    s.service = sampleService(s.slab);
    apply(s.slab.status, derive(s.slab));
    return s;
  }
  /// Carries the status write of the decision out.
  const SlabStatus& write(const Decision& decision) {
    const auto* patch = std::get_if<PatchStatus>(&decision.actions.at(0));
    REQUIRE(patch);
    slab.status = patch->after;
    return slab.status;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a new object: pod and service together, then patch A, and nothing else") {
  Scene s;
  s.memory.slabIsLive = true;
  CHECK(s.names() == Names{"create Pod", "create Service"});
  s.service = sampleService(s.slab);
  CHECK(s.names() == Names{"create Pod"});
  s.pod = samplePod(s.slab);
  Decision d = s.look();
  CHECK(d.actions.empty());
  CHECK(d.requeueAfter == 150ms);  // for the node
  s.pod->nodeName = "node-1";
  d = s.lookAfter(20ms);
  CHECK(Scene::namesOf(d) == Names{"patch status"});
  const SlabStatus& status = s.write(d);
  CHECK(status.has(State::Constructed));
  CHECK(status.has(State::Scheduled));
  CHECK_FALSE(status.has(State::Running));
  CHECK(status.nodeName == "node-1");
  CHECK(status.ip == "10.96.0.7");
  CHECK(status.port == 9090);
  CHECK(status.url == "http://spawner-abc.spawner:9090/");
  CHECK(status.podName == "spawner-abc");
  CHECK(status.podUid == "pod-uid");
  CHECK(status.phase == "Scheduled");
  d = s.look();
  CHECK(d.actions.empty());
  CHECK(d.requeueAfter);
}

TEST_CASE("without a node, patch A goes after 150 ms, and the node costs another write") {
  Scene s;
  s.service = sampleService(s.slab);
  s.pod = samplePod(s.slab);
  CHECK(s.look().actions.empty());
  Decision d = s.lookAfter(150ms);
  CHECK(Scene::namesOf(d) == Names{"patch status"});
  s.write(d);
  CHECK(s.slab.status.has(State::Constructed));
  CHECK_FALSE(s.slab.status.has(State::Scheduled));
  CHECK(s.look().actions.empty());
  s.pod->nodeName = "node-1";
  d = s.lookAfter(1s);
  CHECK(s.write(d).has(State::Scheduled));
}

TEST_CASE("headless: both creates go together, too; without a Service there is one") {
  Scene s;
  s.memory.slabIsLive = true;
  s.options.serviceMode = ServiceMode::Headless;
  CHECK(s.names() == Names{"create Pod", "create Service"});
  s.options.serviceMode = ServiceMode::None;
  CHECK(s.names() == Names{"create Pod"});
  s.pod = runningPod(s.slab);
  Decision d = s.look();
  CHECK(s.write(d).url == "http://10.1.2.3:9090/");
  CHECK(s.slab.status.ip.empty());
  s.pod->podIp = "fd00::1";
  s.slab.status = {};
  d = s.look();
  CHECK(s.write(d).url == "http://[fd00::1]:9090/");
}

TEST_CASE("fault 01: a controller that starts over takes what is there for its own work") {
  Scene s;  // nothing remembered: the last one was killed between the two creates
  s.service = sampleService(s.slab);
  CHECK(s.names() == Names{"read object"});
  s.memory.slabIsLive = true;  // it was read
  CHECK(s.names() == Names{"create Pod"});
  Scene t;  // … or after both
  t.service = sampleService(t.slab);
  t.pod = runningPod(t.slab);
  CHECK(t.names() == Names{"patch status"});
  Scene u;  // … or the service is missing
  u.pod = runningPod(u.slab);
  CHECK(u.names() == Names{"create Service"});
}

TEST_CASE("a name that another has") {
  Scene s;
  s.memory.slabIsLive = true;
  s.service = sampleService(s.slab);
  s.pod = samplePod(s.slab);
  SECTION("an earlier object of ours: wait, within the start limit") {
    s.pod->meta.ownerUid = "earlier";
    Decision d = s.look();
    CHECK(d.actions.empty());
    CHECK(d.requeueAfter == s.options.recheck);
    d = s.lookAfter(300s);
    CHECK(s.write(d).end->reason == reasons::nameConflict);
  }
  SECTION("its service: the same") {
    s.pod.reset();
    s.service->meta.ownerUid = "earlier";
    CHECK(s.look().actions.empty());
    Decision d = s.lookAfter(300s);
    CHECK(s.write(d).end->reason == reasons::nameConflict);
  }
  SECTION("a stranger's pod: the end") {
    s.pod->meta.labels.clear();
    s.pod->meta.ownerUid = GENERATE("", "a-replica-set");
    Decision d = s.look();
    CHECK(s.write(d).end->reason == reasons::nameConflict);
    CHECK_THAT(s.slab.status.end->message, Catch::Contains("Pod"));
    CHECK(s.look().actions.size() == 1);  // our service goes; the stranger's pod is not touched
    CHECK(s.names() == Names{"delete Service"});
  }
  SECTION("a stranger's service: the end") {
    s.pod.reset();
    s.service->meta.labels.clear();
    s.service->meta.ownerUid.clear();
    Decision d = s.look();
    CHECK(s.write(d).end->reason == reasons::nameConflict);
    CHECK(s.look().actions.empty());
  }
  SECTION("a stranger's service, seen when our pod is there already: the end, and the pod goes") {
    s.pod = runningPod(s.slab);
    s.service->meta.labels.clear();
    s.service->meta.ownerUid.clear();
    Decision d = s.look();
    CHECK(s.write(d).end->reason == reasons::nameConflict);
    CHECK(s.names() == Names{"delete Pod"});
  }
}

TEST_CASE("a service that cannot be made fails the start, however well the pod runs") {
  Scene s;
  s.slab.spec.startupTimeoutSeconds = 60;
  s.memory.slabIsLive = true;
  s.pod = runningPod(s.slab);
  CHECK(s.names() == Names{"create Service"});
  s.memory.createError = "exceeded quota: services";
  CHECK(Scene::namesOf(s.lookAfter(59s)) == Names{"create Service"});
  Decision d = s.lookAfter(1s);
  CHECK(s.write(d).end->reason == reasons::createRefused);
  CHECK_THAT(s.slab.status.end->message, Catch::Contains("exceeded quota: services"));
  CHECK(s.names() == Names{"delete Pod"});
}

TEST_CASE("P4: once a pod is known, no other is ever made") {
  Scene s = Scene::ready();
  s.memory.slabIsLive = true;
  s.look();
  s.pod.reset();
  CHECK(s.names() == Names{"read Pod"});  // an informer may lag: only a live read tells
  s.memory.podAbsenceConfirmed = true;
  Decision d = s.look();
  CHECK(s.write(d).end->reason == reasons::podLost);
  CHECK(s.names() == Names{"delete Service"});

  SECTION("known only to this process, because patch A was not written") {
    Scene t;
    t.memory.slabIsLive = true;
    t.service = sampleService(t.slab);
    t.pod = samplePod(t.slab);
    t.look();
    t.pod.reset();
    CHECK(t.names() == Names{"read Pod"});
    t.memory.podAbsenceConfirmed = true;
    d = t.look();
    CHECK(t.write(d).has(State::Failed));
  }
  SECTION("another pod of the object is not taken for it, and is removed") {
    Scene t = Scene::ready();
    t.look();
    t.pod->meta.uid = "second";
    CHECK(t.names() == Names{"read Pod"});
    t.memory.podAbsenceConfirmed = true;
    d = t.look();
    CHECK(t.write(d).end->reason == reasons::podLost);
    d = t.look();
    CHECK(Scene::namesOf(d) == Names{"delete Pod", "delete Service"});
    CHECK(std::get<DeletePod>(d.actions[0]).uid == "second");
  }
  SECTION("seen being deleted, then gone") {
    Scene t = Scene::ready();
    t.pod->meta.deleting = true;
    d = t.look();
    CHECK(t.write(d).end->reason == reasons::podDeleted);
  }
  SECTION("gone before its end could be written: what it said last is its end") {
    Scene t = Scene::ready();
    t.pod->meta.deleting = true;
    t.pod->disruptionReason = "EvictionByEvictionAPI";
    t.look();
    t.pod.reset();
    CHECK(t.names() == Names{"read Pod"});
    t.memory.podAbsenceConfirmed = true;
    d = t.look();
    CHECK(t.write(d).end->reason == reasons::evicted);
  }
}

TEST_CASE("P4: a copy of the object that may be old makes no pod") {
  Scene s;
  CHECK(s.names() == Names{"read object"});
  CHECK(s.lookAfter(10s).actions.size() == 1);
}

TEST_CASE("a service that somebody deleted is made again") {
  Scene s = Scene::ready();
  s.service.reset();
  CHECK(Scene::namesOf(s.lookAfter(1h)) == Names{"create Service"});  // it was there once: no start limit counts any more
  s.service = sampleService(s.slab);
  CHECK(s.names().empty());
  s.service->clusterIp = "10.96.0.9";
  Decision d = s.look();
  CHECK(s.write(d).ip == "10.96.0.9");
}

TEST_CASE("fault 08: nothing starts for ever, and the reason is told") {
  Scene s;
  s.slab.spec.startupTimeoutSeconds = 60;
  s.memory.slabIsLive = true;
  s.service = sampleService(s.slab);
  s.pod = samplePod(s.slab);
  std::string wanted;
  SECTION("no pod, refused") {
    s.pod.reset();
    s.memory.createError = "exceeded quota";
    wanted = reasons::createRefused;
  }
  SECTION("no pod") {
    s.pod.reset();
    s.service.reset();
    wanted = reasons::startTimeout;
  }
  SECTION("image") {
    ContainerView app;
    app.name = "my-app";
    app.waiting = true;
    app.reason = "ImagePullBackOff";
    app.message = "no such image";
    s.pod->containers = {app};
    wanted = reasons::imagePullFailed;
  }
  SECTION("no node") {
    s.pod->unschedulableMessage = "0/3 nodes are available";
    wanted = reasons::unschedulable;
  }
  SECTION("never Running") {
    s.pod->nodeName = "node-1";
    wanted = reasons::startTimeout;
  }
  s.look();
  Decision d = s.lookAfter(59s);
  for (const Action& action : d.actions)
    if (const auto* patch = std::get_if<PatchStatus>(&action)) CHECK_FALSE(patch->after.end);
  REQUIRE(d.requeueAfter);
  CHECK(*d.requeueAfter <= 1s);
  d = s.lookAfter(1s);
  CHECK(s.write(d).end->reason == wanted);
  CHECK(s.slab.state() == State::Failed);
}

TEST_CASE("an image that can never be had fails at once") {
  Scene s;
  s.service = sampleService(s.slab);
  s.pod = samplePod(s.slab);
  ContainerView app;
  app.name = "my-app";
  app.waiting = true;
  app.reason = GENERATE("ErrImageNeverPull", "InvalidImageName");
  app.message = "not here";
  s.pod->containers = {app};
  Decision d = s.look();
  CHECK(s.write(d).end->reason == reasons::imagePullFailed);
  CHECK_THAT(s.slab.status.end->message, Catch::Contains("not here"));
}

TEST_CASE("the start limit does not touch what runs, sweeper or not") {
  Scene s;
  s.service = sampleService(s.slab);
  s.pod = runningPod(s.slab);
  s.write(s.look());
  for (int i = 0; i < 100; ++i) {
    const Decision d = s.lookAfter(100s);
    for (const Action& action : d.actions) REQUIRE(std::holds_alternative<PatchStatus>(action));
    if (!d.actions.empty()) s.write(d);
    REQUIRE_FALSE(isTerminal(s.slab.state()));
  }
  CHECK(s.slab.state() == State::Running);  // stated in the sweeper's place
  s.pod->phase = "Pending";                 // a glimpse of an older copy changes nothing
  CHECK(s.lookAfter(1000s).actions.empty());
}

TEST_CASE("Running is left to the sweeper for a while") {
  Scene s;
  s.service = sampleService(s.slab);
  s.pod = runningPod(s.slab);
  CHECK_FALSE(s.write(s.look()).has(State::Running));
  Decision d = s.look();
  CHECK(d.actions.empty());
  CHECK(*d.requeueAfter <= 5s);
  d = s.lookAfter(5s);
  CHECK(s.write(d).has(State::Running));
}

TEST_CASE("the original's sweeper works: missing states, times and derived fields are mended") {
  Scene s;
  s.service = sampleService(s.slab);
  s.pod = runningPod(s.slab);
  s.slab.status.reached[static_cast<std::size_t>(State::Ready)] = true;  // {"status":{"ready":true}}
  Decision d = s.look();
  const SlabStatus& status = s.write(d);
  for (const State state : {State::Constructed, State::Scheduled, State::Running, State::Ready}) {
    CHECK(status.has(state));
    CHECK(status.stateTimes[static_cast<std::size_t>(state)]);
  }
  CHECK(status.phase == "Ready");
  CHECK(s.look().actions.empty());
}

TEST_CASE("the maximum lifetime has a backstop") {
  Scene s = Scene::ready();
  s.slab.spec.maxLifetimeSeconds = 100;
  s.pod->meta.annotations[std::string(names::maxLifetimeAnnotation)] = "100";
  CHECK(s.look().actions.empty());
  CHECK(s.lookAfter(159s).actions.empty());
  Decision d = s.lookAfter(1s);
  CHECK(s.write(d).end->reason == reasons::maxLifetime);
  CHECK(s.slab.state() == State::Swept);
}

TEST_CASE("lost contact ends nothing") {
  Scene s = Scene::ready();
  s.slab.status.contactLost = ContactLostInfo{wall(1), "no answer"};
  Decision d = s.look();
  CHECK(Scene::namesOf(d) == Names{"patch status"});  // the condition
  s.write(d);
  CHECK(s.lookAfter(24h * 30).actions.empty());
  CHECK(s.slab.state() == State::Ready);
}
