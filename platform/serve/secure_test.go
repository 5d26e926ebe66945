package serve

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABrowserKeepsToTLSUnderANameOfTheProgram(t *testing.T) {
	for _, test := range []struct {
		host, want string
		encrypted  bool
	}{
		{"bank.example", "max-age=31536000", true},
		{"bank.example:8443", "max-age=31536000", true},
		{"bank.example", "", false},
		{"localhost:17001", "", true},
		{"127.0.0.1:17001", "", true},
		{"[::1]:17001", "", true},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/livez", nil)
		r.Host = test.host
		if test.encrypted {
			r.TLS = &tls.ConnectionState{}
		}
		secureHeaders(w, r)
		require.Equal(t, test.want, w.Header().Get("Strict-Transport-Security"), test.host)
	}
}
