// Package manifests holds docker-compose.yml, the Dockerfiles and k8s/ to their rules:
// images are pinned and those that the launcher runs, nothing secret is written down,
// nothing runs as root or can write where it need not, everything says whether it is
// ready, and every setting is a flag of the program that gets it. It is a test only:
// no container runtime and no cluster is needed, and none is proved to be content.
// The documents are held to what they point at, too.
package manifests
