package launch

import (
	"context"
	"path/filepath"
	"strconv"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/process"
)

// elasticsearch is the search engine. It refuses to run as root.
type elasticsearch struct {
	stack *Stack
	java  dist.Java
	home  string
	// dir belongs to the user who runs it.
	dir string
}

func (e *elasticsearch) spec() process.Spec {
	a := e.stack.addresses
	return process.Spec{
		Name:    Elasticsearch,
		Ports:   []int{a.port(elasticsearchPort), a.port(elasticsearchPeerPort)},
		Prepare: e.prepare,
		Command: e.command,
		Ready:   elasticsearchReady(a.Elasticsearch()),
	}
}

func (s *Stack) elasticsearchDir() string { return filepath.Join(s.dir, "elasticsearch") }

func (e *elasticsearch) prepare(ctx context.Context) error {
	var err error
	if e.java, err = dist.FindJava(ctx); err != nil {
		return err
	}
	user := e.stack.user
	if e.home, err = e.stack.store.Elasticsearch(ctx); err != nil {
		return err
	}
	if e.home, err = e.stack.store.Reachable(ctx, e.home, user); err != nil {
		return err
	}
	if e.dir, err = user.Folder(e.stack.elasticsearchDir()); err != nil {
		return err
	}
	for _, name := range []string{"config", "tmp"} {
		if _, err := user.Folder(filepath.Join(e.dir, name)); err != nil {
			return err
		}
	}
	return e.configure()
}

// configure writes the configuration folder. The options of the virtual machine and the logging
// are those of the distribution.
func (e *elasticsearch) configure() error {
	config := filepath.Join(e.dir, "config")
	for _, name := range []string{"jvm.options", "log4j2.properties"} {
		if err := e.stack.user.CopyFile(filepath.Join(e.home, "config", name), filepath.Join(config, name)); err != nil {
			return err
		}
	}
	a := e.stack.addresses
	return render("elasticsearch.yml", filepath.Join(config, "elasticsearch.yml"),
		struct{ Data, Logs, Port, PeerPort string }{
			filepath.Join(e.dir, "data"), filepath.Join(e.dir, "logs"),
			strconv.Itoa(a.port(elasticsearchPort)), strconv.Itoa(a.port(elasticsearchPeerPort)),
		})
}

func (e *elasticsearch) command(context.Context) (process.Command, error) {
	return process.Command{
		Path: filepath.Join(e.home, "bin", "elasticsearch"),
		Env: environment(map[string]string{
			"ES_JAVA_HOME": e.java.Home,
			"ES_PATH_CONF": filepath.Join(e.dir, "config"),
			"ES_TMPDIR":    filepath.Join(e.dir, "tmp"),
			// The launcher of the distribution is a Java program with temporary files of its
			// own.
			"CLI_JAVA_OPTS": "-Djava.io.tmpdir=" + filepath.Join(e.dir, "tmp"),
			// Memory is allocated when it is needed, not all at the start.
			"ES_JAVA_OPTS": "-Xms256m -Xmx1g -XX:-AlwaysPreTouch",
			"HOME":         e.dir,
		}),
		Dir: e.dir,
		How: child.Options{User: e.stack.user, Nice: e.stack.nice},
	}, nil
}
