# The image of all roles. scripts/image makes the same root file system without a container engine.
FROM debian:12 AS build
COPY . /spawner
WORKDIR /spawner
RUN scripts/setup && scripts/image --folder /image

FROM scratch
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/usr/bin/spawner"]
