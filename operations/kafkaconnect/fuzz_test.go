package kafkaconnect

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/provision"
)

// FuzzAnswer: whatever a worker, or a proxy before it, answers is read or is an
// error; every method of a status that was read works.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"name":"x","connector":{"state":"RUNNING","worker_id":"w:1"},"tasks":[{"id":0,"state":"FAILED","trace":"a.B: c\n\tat d\nCaused by: e"}]}`))
	f.Add(409, []byte(`{"error_code":409,"message":"rebalancing"}`))
	f.Add(500, []byte(`{"message":"Request timed out"}`))
	f.Add(404, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		answer := func(into any) error {
			if code >= 300 {
				return refusal(code, body)
			}
			return worker.Decode(body, into)
		}
		var status Status
		if err := answer(&status); err != nil {
			require.NotEmpty(t, err.Error())
			_ = provision.IsNotReady(err)
		} else {
			_ = status.Runs() || status.Halted()
			if failure := status.Failure(); failure != nil {
				require.NotEmpty(t, failure.Error())
			}
		}
		_ = answer(new(map[string]string))
		_ = answer(new(map[string]struct {
			Status Status `json:"status"`
		}))
		reason := Reason(string(body))
		require.LessOrEqual(t, len(reason), reasonWidth+len("…"))
		if utf8.Valid(body) {
			require.True(t, utf8.ValidString(reason))
		}
	})
}
