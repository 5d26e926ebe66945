package kibanatest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// newest are the newest versions that 8.12 knows, by type. A type with an empty version has
// no migrations and accepts any version up to the server's own.
var newest = map[string]string{
	"index-pattern": "8.0.0", "dashboard": "8.9.0", "lens": "8.9.0", "visualization": "8.5.0",
	"map": "8.4.0", "tag": "8.0.0", "search": "7.9.3",
}

// core is the version of the format of all objects.
const core = "8.8.0"

// texts are the attributes of each type that must be texts; under "" are those of all types.
// others are the other allowed attributes. Any other attribute is refused.
var texts = map[string][]string{
	"index-pattern": {"title", "name", "timeFieldName", "fields", "fieldFormatMap", "runtimeFieldMap", "fieldAttrs", "sourceFilters", "typeMeta"},
	"dashboard":     {"title", "description", "panelsJSON", "optionsJSON", "timeFrom", "timeTo"},
	"tag":           {"name", "description", "color"},
	"lens":          {"title", "description", "visualizationType"},
	"visualization": {"title", "description", "visState", "uiStateJSON"},
	"search":        {"title", "description"},
	"map":           {"title", "description", "mapStateJSON", "layerListJSON", "uiStateJSON"},
}

var others = map[string][]string{
	"index-pattern": {"allowNoIndex", "allowHidden"},
	"dashboard":     {"timeRestore", "refreshInterval", "version", "controlGroupInput", "kibanaSavedObjectMeta", "hits"},
	"lens":          {"state"},
	"visualization": {"version", "kibanaSavedObjectMeta"},
	"search":        {"columns", "sort", "grid", "hideChart", "isTextBasedQuery", "kibanaSavedObjectMeta", "timeRestore", "hits", "version", "viewMode", "hideAggregatedPreview", "rowHeight", "rowsPerPage"},
}

// takeImport answers POST /api/saved_objects/_import.
func (k *Kibana) takeImport(w http.ResponseWriter, r *http.Request, space string) {
	overwrite := r.URL.Query().Get("overwrite") == "true"
	if overwrite && r.URL.Query().Get("createNewCopies") == "true" {
		refuse(w, http.StatusBadRequest, "[request query]: cannot use [overwrite] with [createNewCopies]")
		return
	}
	file, header, err := r.FormFile("file")
	if err != nil {
		refuse(w, http.StatusBadRequest, "[request body.file]: expected value of type [Stream] but got [undefined]")
		return
	}
	if !strings.HasSuffix(header.Filename, ".ndjson") {
		refuse(w, http.StatusBadRequest, "Invalid file extension ."+header.Filename[strings.LastIndex(header.Filename, ".")+1:])
		return
	}
	k.imports++
	var objects []*object
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		o := new(object)
		if err := json.Unmarshal(lines.Bytes(), o); err != nil {
			refuse(w, http.StatusBadRequest, "Unexpected token in JSON: "+err.Error())
			return
		}
		objects = append(objects, o)
	}
	names := make([]string, len(objects))
	for i, o := range objects {
		names[i] = o.Type + "/" + o.ID
	}
	if k.refuses(w, Writes, names...) {
		return
	}
	for _, o := range objects {
		if status, message := k.whole(o); status != 0 {
			refuse(w, status, message)
			return
		}
	}
	k.importAll(w, space, objects, overwrite)
}

// whole returns the status and the message with which Kibana refuses the whole file because
// of an object. The status is 0 if it does not refuse it.
func (k *Kibana) whole(o *object) (int, string) {
	last, known := k.newest()[o.Type]
	switch {
	case !known:
		return 0, ""
	case compare(o.Typed, last) > 0:
		return http.StatusUnprocessableEntity, fmt.Sprintf(
			"Document %q belongs to a more recent version of Kibana [%s] when the last known version is [%s].", o.ID, o.Typed, last)
	case compare(o.Core, core) > 0:
		return http.StatusUnprocessableEntity, fmt.Sprintf(
			"Document %q has a \"coreMigrationVersion\" which belongs to a more recent version of Kibana [%s]. The current version is [%s].", o.ID, o.Core, core)
	case o.Typed == "" && (o.Type == "lens" || o.Type == "dashboard"):
		return http.StatusInternalServerError, "An internal server error occurred. Check Kibana server logs for details."
	}
	return 0, ""
}

func (k *Kibana) newest() map[string]string {
	if k.Newest != nil {
		return k.Newest
	}
	return newest
}

// importAll stores the objects that it accepts, and returns the errors of the others.
func (k *Kibana) importAll(w http.ResponseWriter, space string, objects []*object, overwrite bool) {
	results, failures := []any{}, []any{}
	ids := make(map[string]string) // the new id of each object that gets one, by type and id
	var taken []*object
	for _, o := range objects {
		failure := k.refusal(space, o, objects)
		before := k.destination(space, o.Type, o.ID)
		if failure == nil && before != nil && !overwrite {
			failure = map[string]any{"type": "conflict"}
		}
		if failure != nil {
			failures = append(failures, map[string]any{
				"type": o.Type, "id": o.ID, "title": o.Attributes["title"], "meta": map[string]any{}, "error": failure,
			})
			continue
		}
		result := map[string]any{"type": o.Type, "id": o.ID, "managed": false}
		if before != nil {
			result["overwrite"] = true
		}
		if id := k.idFor(space, o, before); id != o.ID {
			ids[o.Type+" "+o.ID], result["destinationId"] = id, id
		}
		results = append(results, result)
		taken = append(taken, o)
	}
	for _, o := range taken {
		o.rename(ids)
		k.keep(space, o)
	}
	body := map[string]any{"success": len(failures) == 0, "successCount": len(results), "successResults": results, "warnings": []any{}}
	if len(failures) > 0 {
		body["errors"] = failures
	}
	answer(w, http.StatusOK, body)
}

// destination returns the object of a space that an import under an id replaces: the object
// with that id, or else the object that was imported under it.
func (k *Kibana) destination(space, kind, id string) *object {
	if o := k.objects[place(space, kind, id)]; o != nil {
		return o
	}
	for at, o := range k.objects {
		if strings.HasPrefix(at, space+" ") && o.Type == kind && o.OriginID == id {
			return o
		}
	}
	return nil
}

// idFor returns the id under which an object is stored: the id of the object that it
// replaces, or its own id, or a new id if another space has its own.
func (k *Kibana) idFor(space string, o, before *object) string {
	if before != nil {
		return before.ID
	}
	for at, other := range k.objects {
		if !strings.HasPrefix(at, space+" ") && other.Type == o.Type && other.ID == o.ID {
			k.newIDs++
			return fmt.Sprintf("00000000-0000-4000-8000-%012d", k.newIDs)
		}
	}
	return o.ID
}

// rename gives an object its new id, and gives its references the new ids of the objects
// that they refer to.
func (o *object) rename(ids map[string]string) {
	for _, reference := range o.References {
		if id, renamed := ids[fmt.Sprint(reference["type"], " ", reference["id"])]; renamed {
			reference["id"] = id
		}
	}
	if id, renamed := ids[o.Type+" "+o.ID]; renamed {
		o.ID, o.OriginID = id, o.ID
	}
}

// refusal returns the error of one object, or nil if it is accepted.
func (k *Kibana) refusal(space string, o *object, among []*object) map[string]any {
	if _, known := k.newest()[o.Type]; !known {
		return map[string]any{"type": "unsupported_type"}
	}
	for name, value := range o.Attributes {
		isText := slices.Contains(texts[o.Type], name)
		if !isText && !slices.Contains(others[o.Type], name) {
			return refused("[attributes." + name + "]: definition for this key is missing")
		}
		if _, ok := value.(string); isText && !ok {
			return refused(fmt.Sprintf("[attributes.%s]: expected value of type [string] but got [%T]", name, value))
		}
	}
	var missing []any
	for _, reference := range o.References {
		kind, id := fmt.Sprint(reference["type"]), fmt.Sprint(reference["id"])
		sent := slices.ContainsFunc(among, func(other *object) bool { return other.Type == kind && other.ID == id })
		if !sent && k.objects[place(space, kind, id)] == nil {
			missing = append(missing, map[string]string{"type": kind, "id": id})
		}
	}
	if missing != nil {
		return map[string]any{"type": "missing_references", "references": missing}
	}
	return nil
}

func refused(message string) map[string]any {
	return map[string]any{"type": "unknown", "statusCode": 400, "error": "Bad Request", "message": message}
}

// keep stores an object as Kibana does: migrated, dated and stamped.
func (k *Kibana) keep(space string, o *object) {
	if k.Migrate != nil {
		k.Migrate(o.Type, o.Attributes)
	}
	if o.References == nil {
		o.References = []map[string]any{}
	}
	if before := k.objects[place(space, o.Type, o.ID)]; before != nil && o.OriginID == "" {
		o.OriginID = before.OriginID
	}
	k.writes++
	o.Core, o.Typed = core, k.newest()[o.Type]
	o.UpdatedAt = fmt.Sprintf("2026-01-02T03:04:05.%03dZ", k.writes)
	o.CreatedAt, o.Version, o.Namespaces = o.UpdatedAt, "WzE"+strconv.Itoa(k.writes)+"LDFd", []string{space}
	k.objects[place(space, o.Type, o.ID)] = o
}

// giveExport answers POST /api/saved_objects/_export.
func (k *Kibana) giveExport(w http.ResponseWriter, r *http.Request, space string) {
	var asked struct {
		Objects []struct{ Type, ID string } `json:"objects"`
		Deep    bool                        `json:"includeReferencesDeep"`
		Bare    bool                        `json:"excludeExportDetails"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Objects) == 0 {
		refuse(w, http.StatusBadRequest, "[request body]: expected a plain object value, but found [null] instead.")
		return
	}
	names := make([]string, len(asked.Objects))
	for i, name := range asked.Objects {
		names[i] = name.Type + "/" + name.ID
	}
	if k.refuses(w, Reads, names...) {
		return
	}
	var found []*object
	var missing []any
	for _, name := range asked.Objects {
		if o := k.objects[place(space, name.Type, name.ID)]; o != nil {
			found = append(found, o)
			continue
		}
		missing = append(missing, map[string]any{"type": name.Type, "id": name.ID, "error": map[string]any{
			"statusCode": 404, "error": "Not Found", "message": "Saved object [" + name.Type + "/" + name.ID + "] not found"}})
	}
	if missing != nil {
		answer(w, http.StatusBadRequest, map[string]any{
			"statusCode": 400, "error": "Bad Request", "message": "Error fetching objects to export",
			"attributes": map[string]any{"objects": missing}})
		return
	}
	if asked.Deep {
		found = k.deep(space, found)
	}
	w.Header().Set("Content-Type", "application/ndjson")
	lines := json.NewEncoder(w)
	for _, o := range found {
		_ = lines.Encode(o)
	}
	if !asked.Bare {
		_ = lines.Encode(map[string]any{"exportedCount": len(found), "missingRefCount": 0})
	}
}

// deep adds the objects to which the found objects refer, directly or indirectly.
func (k *Kibana) deep(space string, found []*object) []*object {
	for i := 0; i < len(found); i++ {
		for _, reference := range found[i].References {
			o := k.objects[place(space, fmt.Sprint(reference["type"]), fmt.Sprint(reference["id"]))]
			if o != nil && !slices.Contains(found, o) {
				found = append(found, o)
			}
		}
	}
	return found
}

// compare orders versions of three numbers; an empty version is the lowest.
func compare(a, b string) int {
	number := func(version string) int {
		sum := 0
		for part := range strings.SplitSeq(version, ".") {
			n, _ := strconv.Atoi(part)
			sum = sum*1000 + n
		}
		return sum
	}
	return number(a) - number(b)
}
