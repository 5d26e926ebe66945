// Package manifests tests docker-compose.yml, the Dockerfiles and k8s/. Images are pinned and
// have the releases that the launcher runs. No file contains a secret. No container runs as root,
// and each can write only to its volumes. Every part has a readiness check. Every setting is a flag
// of its program. Keys and certificates are made by the files' own commands, and each program starts with
// what it mounts.
//
// The package has tests only. They need no container runtime and no cluster, so they do not
// prove that a runtime accepts the files. They also test that documents name existing files.
package manifests
