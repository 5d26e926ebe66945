package site

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// maxCookie is the most bytes of a cookie that every browser keeps, with its name and attributes.
const maxCookie = 4000

// maxCookies bounds how many cookies of one name are tried: other programs on the same host can set some.
const maxCookies = 4

// session is what a cookie carries. Its values are those of the program.
type session struct {
	ID     []byte            `json:"i"`
	Token  []byte            `json:"t"`
	Made   int64             `json:"m"` // seconds since 1970
	Values map[string]string `json:"v,omitempty"`

	// changed says that the visitor's cookie is not this session yet, and ended that it must go.
	changed, ended bool
}

const secretBytes = 16

// newSession returns an empty session with an id and a token that nobody knows.
func newSession(now time.Time) *session {
	s := &session{ID: make([]byte, secretBytes), Token: make([]byte, secretBytes), Made: now.Unix(), Values: map[string]string{}, changed: true}
	_, _ = rand.Read(s.ID) // It does not fail: see crypto/rand.
	_, _ = rand.Read(s.Token)
	return s
}

// decodeSession returns the session in the content of a cookie; nil if there is none that lasts.
func decodeSession(content []byte, now time.Time, life time.Duration) *session {
	var s session
	if json.Unmarshal(content, &s) != nil || len(s.ID) != secretBytes || len(s.Token) != secretBytes {
		return nil
	}
	if made := time.Unix(s.Made, 0); made.After(now.Add(time.Minute)) || made.Add(life).Before(now) {
		return nil
	}
	if s.Values == nil {
		s.Values = map[string]string{}
	}
	return &s
}

// sessionOf returns the session of a request; nil for a visitor without any.
func (s *Site) sessionOf(r *http.Request) *session {
	for i, cookie := range r.CookiesNamed(s.config.Name) {
		if i == maxCookies {
			break
		}
		content, err := s.config.Keys.open(s.config.Name, cookie.Value)
		if err != nil {
			continue
		}
		if found := decodeSession(content, s.config.Now(), s.config.Life); found != nil {
			return found
		}
	}
	return nil
}

var errSessionSize = errors.New("site: the session does not fit a cookie")

// keep sends the visitor's session, if it has changed.
func (v *Visit) keep() error {
	s := v.session
	if s == nil || !s.changed {
		return nil
	}
	if s.ended {
		http.SetCookie(v.w, v.site.cookie("", "", -1))
		return nil
	}
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cookie := v.site.cookie("", v.site.config.Keys.seal(v.site.config.Name, content), 0)
	if len(cookie.String()) > maxCookie {
		return errSessionSize
	}
	http.SetCookie(v.w, cookie)
	s.changed = false
	return nil
}

// cookie returns a cookie of the site, for this browser alone. suffix is empty for the session.
func (s *Site) cookie(suffix, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: s.config.Name + suffix, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// own returns the visitor's session, and begins one for a visitor without any.
func (v *Visit) own() *session {
	if v.session == nil || v.session.ended {
		v.session = newSession(v.Now())
	}
	return v.session
}

// Get returns a value of the session; "" for none.
func (v *Visit) Get(key string) string {
	if v.session == nil || v.session.ended {
		return ""
	}
	return v.session.Values[key]
}

// Set changes values of the session, which the next answer sends.
func (v *Visit) Set(values map[string]string) {
	s := v.own()
	for key, value := range values {
		s.Values[key] = value
	}
	s.changed = true
}

// Renew replaces the session by a new one with these values only, under a new id and a new token. Call it when a
// visitor signs in: whoever knew the session before knows nothing of this one.
func (v *Visit) Renew(values map[string]string) {
	v.session = newSession(v.Now())
	v.Set(values)
}

// End ends the session: the visitor's cookie goes.
func (v *Visit) End() {
	v.session = &session{ended: true, changed: true}
}

// Remember keeps a text in this browser beyond the session, sealed as the session is, for a year. Recall returns it; ""
// for none.
func (v *Visit) Remember(name, text string) {
	const year = 365 * 24 * 60 * 60
	full := v.site.config.Name + "-" + name
	http.SetCookie(v.w, v.site.cookie("-"+name, v.site.config.Keys.seal(full, []byte(text)), year))
}

// Recall returns what Remember has kept.
func (v *Visit) Recall(name string) string {
	full := v.site.config.Name + "-" + name
	for i, cookie := range v.r.CookiesNamed(full) {
		if content, err := v.site.config.Keys.open(full, cookie.Value); err == nil && i < maxCookies {
			return string(content)
		}
	}
	return ""
}
