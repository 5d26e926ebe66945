package clientauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// transport sends requests. Credentials go only to the origins that it was made for, so that no
// redirect leads them elsewhere.
type transport struct {
	client  *Client
	origins map[string]bool
	next    *http.Transport
}

// Transport returns what sends requests to a server at one or more URLs. It adds the credentials
// to requests to the origins of these URLs, unless a request has some. It refuses URLs where
// credentials, of the settings or in the URL itself, would go over a network without TLS, and
// settings that the URLs do not fit. Errors repeat nothing of a URL, because it may hold a
// password.
func (c *Client) Transport(addresses ...string) (http.RoundTripper, error) {
	if c == nil {
		return http.DefaultTransport, nil
	}
	t := &transport{client: c, origins: make(map[string]bool), next: http.DefaultTransport.(*http.Transport).Clone()}
	for _, address := range addresses {
		parsed, err := url.Parse(address)
		if err != nil {
			return nil, errors.New("not a URL")
		}
		if err := c.checkURL(parsed); err != nil {
			return nil, err
		}
		t.origins[origin(parsed)] = true
	}
	t.next.TLSClientConfig = c.tls.Clone()
	return t, nil
}

// checkURL refuses a URL that the settings do not fit.
func (c *Client) checkURL(address *url.URL) error {
	s := &c.settings
	own := s.username != "" || s.apiKey != ""
	secured := address.Scheme == "https"
	switch {
	case own && address.User != nil:
		return errors.New("the URL holds a name and password, and other credentials are set; keep one of them")
	case !secured && (s.authority != "" || s.certificate != ""):
		return fmt.Errorf("--%s or --%s is set, and the URL does not begin with https", s.flag("tls-authority"), s.flag("tls-certificate"))
	case !secured && (own || address.User != nil) && !IsLoopback(address.Hostname()):
		return errors.New("credentials go over a network with TLS only; the URL must begin with https")
	}
	return nil
}

// origin returns the part of a URL that names a server.
func origin(address *url.URL) string { return address.Scheme + "://" + address.Host }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	s := &t.client.settings
	if t.origins[origin(request.URL)] && request.Header.Get("Authorization") == "" {
		switch {
		case s.apiKey != "":
			request = request.Clone(request.Context())
			request.Header.Set("Authorization", "ApiKey "+s.apiKey)
		case s.username != "":
			request = request.Clone(request.Context())
			request.SetBasicAuth(s.username, s.password)
		}
	}
	answer, err := t.next.RoundTrip(request)
	return answer, t.client.Explain(err)
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }
