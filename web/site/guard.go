package site

import (
	"errors"
	"mime"
	"net/http"
)

const formType = "application/x-www-form-urlencoded"

// guarded lets only requests through that a form of this site sends, in the session in which it was shown. Everything
// else changes nothing.
func guarded(handle Handler) Handler {
	return func(v *Visit) error {
		if v.site.origin.Check(v.r) != nil {
			return &problem{status: http.StatusForbidden, key: "problem.foreign"}
		}
		mediaType, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
		if err != nil || mediaType != formType || v.r.Header.Get("Content-Encoding") != "" {
			return &problem{status: http.StatusUnsupportedMediaType, key: "problem.form"}
		}
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return &problem{status: http.StatusRequestEntityTooLarge, key: "problem.form"}
			}
			return &problem{status: http.StatusBadRequest, key: "problem.form"}
		}
		if tokens := v.r.PostForm[tokenField]; len(tokens) != 1 || !isTokenOf(v.session, tokens[0]) {
			return &problem{status: http.StatusForbidden, key: "problem.token"}
		}
		return handle(v)
	}
}
