package dashboards

import "io/fs"

// Read returns the objects in a tree of <type>/<id>.json, ordered by type and id. Any
// other file, and any file that is not JSON, is an error that names the file.
func Read(tree fs.FS) ([]Object, error) { return read(tree) }
