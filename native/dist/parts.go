package dist

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// The releases of the parts that are not built here. They belong together: each is the newest
// that works with the others.
const (
	kafkaVersion         = "4.3.1"
	log4jVersion         = "2.25.4"
	registryVersion      = "3.3.3"
	elasticsearchVersion = "8.19.21"
)

// Kafka provides the class path of the broker and of Kafka Connect: a folder of jars. They have
// no logging backend, so one is added.
func (s *Store) Kafka(ctx context.Context) (string, error) {
	return s.Provide(ctx, "kafka-"+kafkaVersion, func(ctx context.Context, into string) error {
		s.progress("fetching Kafka and Kafka Connect " + kafkaVersion)
		var artifacts []Artifact
		for _, name := range []string{
			"kafka_2.13", "kafka-tools", "connect-runtime", "connect-json", "connect-transforms",
			"connect-basic-auth-extension",
		} {
			artifacts = append(artifacts, Artifact{Group: "org.apache.kafka", Name: name, Version: kafkaVersion})
		}
		for _, name := range []string{"log4j-api", "log4j-core", "log4j-slf4j-impl"} {
			artifacts = append(artifacts, Artifact{Group: "org.apache.logging.log4j", Name: name, Version: log4jVersion})
		}
		return s.fetchTree(ctx, artifacts, nil, into)
	})
}

// Registry provides the schema registry: a folder with quarkus-run.jar.
func (s *Store) Registry(ctx context.Context) (string, error) {
	return s.Provide(ctx, "registry-"+registryVersion, func(ctx context.Context, into string) error {
		s.progress("fetching the schema registry " + registryVersion + " (160 MB)")
		return s.fetchAndUnpack(ctx, Artifact{
			Group: "io.apicurio", Name: "apicurio-registry-app", Version: registryVersion, Type: "tar.gz", Classifier: "all",
		}, into)
	})
}

// Elasticsearch provides the search engine: a folder with bin/elasticsearch.
func (s *Store) Elasticsearch(ctx context.Context) (string, error) {
	return s.Provide(ctx, "elasticsearch-"+elasticsearchVersion, func(ctx context.Context, into string) error {
		s.progress("fetching Elasticsearch " + elasticsearchVersion + " (110 MB)")
		err := s.fetchAndUnpack(ctx, Artifact{
			Group: "org.elasticsearch.distribution.integ-test-zip", Name: "elasticsearch",
			Version: elasticsearchVersion, Type: "zip",
		}, into)
		if err != nil {
			return err
		}
		return flatten(into)
	})
}

// fetchAndUnpack puts the content of an archive into a folder.
func (s *Store) fetchAndUnpack(ctx context.Context, artifact Artifact, into string) error {
	archive, err := s.fetch(ctx, artifact, into)
	if err != nil {
		return err
	}
	switch artifact.Type {
	case "tar.gz":
		err = unpackTarGz(archive, into)
	case "zip":
		err = unpackZip(archive, into)
	default:
		err = fmt.Errorf("cannot unpack %s", artifact)
	}
	if err != nil {
		return err
	}
	return os.Remove(archive)
}

// flatten replaces the only folder at the top of an unpacked archive by its content. It leaves
// an archive without such a folder as it is.
func flatten(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		return err
	}
	// The top folder gets a name that nothing inside it can have.
	top := filepath.Join(folder, scratchPrefix+"top")
	if err := os.Rename(filepath.Join(folder, entries[0].Name()), top); err != nil {
		return err
	}
	inside, err := os.ReadDir(top)
	if err != nil {
		return err
	}
	for _, entry := range inside {
		if err := os.Rename(filepath.Join(top, entry.Name()), filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return os.Remove(top)
}
