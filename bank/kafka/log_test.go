package kafka

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTheClientLogsInTheProgramsFormat(t *testing.T) {
	var written bytes.Buffer
	for name, level := range map[string]slog.Level{"info": slog.LevelInfo, "debug": slog.LevelDebug} {
		written.Reset()
		logger := slog.New(slog.NewJSONHandler(&written, &slog.HandlerOptions{Level: level}))
		watermarks, err := NewWatermarks(PublisherConfig{Code: "001", Brokers: []string{"127.0.0.1:1"}, RegistryURL: "http://127.0.0.1:1", Logger: logger})
		require.NoError(t, err)
		log, ok := watermarks.client.OptValue(kgo.WithLogger).(kgo.Logger)
		require.True(t, ok)
		log.Log(kgo.LogLevelError, "broken", "broker", 1)
		log.Log(kgo.LogLevelWarn, "away", "broker", 1)
		watermarks.Close()
		require.Contains(t, written.String(), `"level":"ERROR","msg":"broken","library":"franz-go","broker":1`)
		require.Equal(t, name == "debug", bytes.Contains(written.Bytes(), []byte(`"msg":"away"`)))
		require.Equal(t, name == "debug", log.Level() == kgo.LogLevelInfo)
	}
}
