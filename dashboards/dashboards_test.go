package dashboards

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheEmbeddedObjectsCanBeRead(t *testing.T) {
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if object.Type == "" || object.ID == "" || len(object.Body) == 0 {
			t.Errorf("%s/%s is incomplete", object.Type, object.ID)
		}
	}
}

func TestObjectsAreNamedByFolderAndFile(t *testing.T) {
	objects, err := read(fstest.MapFS{
		"dashboard/overview.json": {Data: []byte(`{"attributes":{"title":"Overview"}}`)},
		"dashboard/approval.json": {Data: []byte(`{}`)},
		"index-pattern/bank.json": {Data: []byte(`{}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, object := range objects {
		names = append(names, object.Type+"/"+object.ID)
	}
	want := []string{"dashboard/approval", "dashboard/overview", "index-pattern/bank"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if body := string(objects[1].Body); body != `{"attributes":{"title":"Overview"}}` {
		t.Errorf("the body is %s", body)
	}
}

func TestAFileThatIsNotAnObjectIsRefusedByName(t *testing.T) {
	for name, content := range map[string]string{
		"overview.json":          `{}`,
		"dashboard/.json":        `{}`,
		"dashboard/a/b.json":     `{}`,
		"dashboard/readme.txt":   ``,
		"dashboard/broken.json":  `{"title":`,
		"dashboard/nothing.json": ``,
	} {
		_, err := read(fstest.MapFS{name: {Data: []byte(content), Mode: fs.ModePerm}})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
