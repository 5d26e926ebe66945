package serve

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"codebank.dev/platform/fault"
)

// WriteTagged answers a read with a value as JSON and with an entity tag (RFC 9110, section 8.8.3), or with 304 and no
// body if the client has the value: one of the tags in its header If-None-Match is this one. tag is what stands
// between the quotes; if it is empty, the tag is a hash of the body.
func WriteTagged(w http.ResponseWriter, r *http.Request, tag string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fault.Of(err)
	}
	if tag == "" {
		const hashBytes = 16
		hash := sha256.Sum256(body)
		tag = base64.RawURLEncoding.EncodeToString(hash[:hashBytes])
	}
	quoted := `"` + tag + `"`
	w.Header().Set("ETag", quoted)
	if hasTag(r.Header.Values("If-None-Match"), quoted) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return WriteJSON(w, http.StatusOK, json.RawMessage(body))
}

// hasTag reports whether lists of entity tags have one. Weak tags count as the others, as If-None-Match says. What is
// malformed is no tag, and costs the client no more than a whole answer.
func hasTag(lists []string, quoted string) bool {
	for _, list := range lists {
		for list != "" {
			list = strings.TrimLeft(list, " \t,")
			if list == "*" {
				return true
			}
			list = strings.TrimPrefix(list, "W/")
			end := -1
			if strings.HasPrefix(list, `"`) {
				end = strings.IndexByte(list[1:], '"')
			}
			if end < 0 {
				break
			}
			if list[:end+2] == quoted {
				return true
			}
			list = list[end+2:]
		}
	}
	return false
}
