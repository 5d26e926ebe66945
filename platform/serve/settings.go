package serve

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Settings are the flags that all programs share. Bind them before Parse, read them after.
type Settings struct {
	// GRPCAddress and HTTPAddress are the addresses to listen on, host:port. Port 0 takes a
	// free port.
	GRPCAddress string
	HTTPAddress string
	// LogLevel is debug, info, warn or error; debug logs every call, without bodies.
	LogLevel string
	// LogFormat is text or json.
	LogFormat string
	// DrainTimeout bounds the wait for running calls when the program ends.
	DrainTimeout time.Duration
	// MaxDeadline bounds a unary call, whatever deadline its caller set.
	MaxDeadline time.Duration

	flags *flag.FlagSet
}

// Bind defines the shared flags on fs with the program's own default addresses.
func (s *Settings) Bind(fs *flag.FlagSet, grpcAddress, httpAddress string) {
	s.flags = fs
	fs.StringVar(&s.GRPCAddress, "grpc-address", grpcAddress, "`host:port` to serve gRPC on; port 0 takes a free one")
	fs.StringVar(&s.HTTPAddress, "http-address", httpAddress, "`host:port` to serve HTTP on: REST, /docs, /livez, /readyz, /metrics")
	fs.StringVar(&s.LogLevel, "log-level", "info", "debug, info, warn or error; debug logs every call, without bodies")
	fs.StringVar(&s.LogFormat, "log-format", "text", "text or json")
	fs.DurationVar(&s.DrainTimeout, "drain-timeout", DefaultDrainTimeout, "how long running calls may take to end when the program is told to stop")
	fs.DurationVar(&s.MaxDeadline, "max-deadline", DefaultMaxDeadline, "the longest a unary call may take")
}

// Config returns the part of a server's configuration that the shared flags set.
func (s *Settings) Config(name string, logger *slog.Logger) Config {
	return Config{
		Name:         name,
		GRPCAddress:  s.GRPCAddress,
		HTTPAddress:  s.HTTPAddress,
		Logger:       logger,
		DrainTimeout: s.DrainTimeout,
		MaxDeadline:  s.MaxDeadline,
	}
}

// Logger returns a logger that writes to w as the flags say. If a flag has an unknown
// value, the error names the flag. It logs a warning for each old name of a setting that
// was used; see Renamed.
func (s *Settings) Logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is none of debug, info, warn, error", s.LogLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	var logger *slog.Logger
	switch s.LogFormat {
	case "text":
		logger = slog.New(slog.NewTextHandler(w, options))
	case "json":
		logger = slog.New(slog.NewJSONHandler(w, options))
	default:
		return nil, fmt.Errorf("--log-format: %q is neither text nor json", s.LogFormat)
	}
	for _, line := range s.oldNames() {
		logger.Warn(line)
	}
	return logger, nil
}

// oldNames returns a line for each old name of a setting that was used.
func (s *Settings) oldNames() (used []string) {
	if s.flags == nil {
		return nil
	}
	s.flags.VisitAll(func(f *flag.Flag) {
		if renamed, ok := f.Value.(*oldName); ok {
			used = append(used, renamed.used...)
		}
	})
	return used
}
