package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"codebank.dev/platform/mtls"
	"codebank.dev/platform/token"
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
	// Hosts are the names to which HTTP answers, beside those of the loopback address.
	Hosts []string
	// AllowedOrigins are the origins whose pages may use the REST API.
	AllowedOrigins []string
	// TLS, Insecure, Tokens and IdentityAddress are those of a WallsConfig.
	TLS             mtls.Config
	Insecure        string
	Tokens          token.Settings
	IdentityAddress string

	flags      *flag.FlagSet
	operators  string
	namespaces string
	// verifies says that the walls verify access tokens, and not the program by itself.
	verifies bool
}

// Bind defines the shared flags on fs with the program's own default addresses. A program that is not called
// over gRPC has no address for it: grpcAddress is empty, and there is no flag.
func (s *Settings) Bind(fs *flag.FlagSet, grpcAddress, httpAddress string) {
	s.flags = fs
	if grpcAddress != "" {
		fs.StringVar(&s.GRPCAddress, "grpc-address", grpcAddress, "`host:port` to serve gRPC on; port 0 takes a free one")
	}
	fs.StringVar(&s.HTTPAddress, "http-address", httpAddress, "`host:port` to serve HTTP on: REST, /docs, /livez, /readyz, /metrics")
	fs.StringVar(&s.LogLevel, "log-level", "info", "debug, info, warn or error; debug logs every call, without bodies")
	fs.StringVar(&s.LogFormat, "log-format", "text", "text or json")
	fs.DurationVar(&s.DrainTimeout, "drain-timeout", DefaultDrainTimeout, "how long running calls may take to end when the program is told to stop")
	fs.DurationVar(&s.MaxDeadline, "max-deadline", DefaultMaxDeadline, "the longest a unary call may take")
	fs.Func("hosts", "`name,…` to which HTTP answers, beside localhost and its own address; others are refused. Without names every name is answered, unless --http-address is on the loopback address", list(&s.Hosts, ParseHosts))
	fs.Func("allowed-origins", "`origin,…` whose pages may use the REST API, such as https://shop.example; without any, only pages of this program may", list(&s.AllowedOrigins, ParseOrigins))
}

// list returns a function that sets a list by the parser of its text.
func list(to *[]string, parse func(string) ([]string, error)) func(string) error {
	return func(text string) (err error) {
		*to, err = parse(text)
		return err
	}
}

// BindWalls defines the flags of walls on fs. operators are the programs that count as operators by default.
func (s *Settings) BindWalls(fs *flag.FlagSet, operators string) {
	s.BindTLS(fs, operators)
	s.verifies = true
	s.Tokens.Bind(fs, "codebank")
	fs.StringVar(&s.IdentityAddress, "identity-address", "", "`host:port` of the gRPC of the program identity, which tells which sessions have ended; empty: a session ends when its tokens expire")
}

// BindTLS defines the flags of BindWalls that have nothing to do with access tokens, for a program that takes
// none or verifies them by itself.
func (s *Settings) BindTLS(fs *flag.FlagSet, operators string) {
	s.TLS.Bind(fs)
	fs.StringVar(&s.Insecure, "insecure", "", "serve plain text in place of TLS, on a loopback address, and take every caller for the `program` of this name")
	fs.StringVar(&s.operators, "operators", operators, "`program,…` that count as operators")
	fs.StringVar(&s.namespaces, "namespaces", "", "`principal=name,…`: the names that the request ids of principals belong to, in place of their own, for example shop-eu=shop")
}

// Walls opens the walls that the flags of BindWalls or BindTLS say. The error names a setting.
func (s *Settings) Walls(logger *slog.Logger) (*Walls, error) {
	if s.TLS.IsZero() && s.Insecure == "" {
		return nil, errNoTLS
	}
	config := WallsConfig{
		TLS: s.TLS, Insecure: s.Insecure, Tokens: s.Tokens, IdentityAddress: s.IdentityAddress, Logger: logger,
		HandlersVerify: !s.verifies,
	}
	for name := range strings.FieldsFuncSeq(s.operators, isComma) {
		if !ValidCaller(name) {
			return nil, fmt.Errorf("--operators: %q is no name of a program", name)
		}
		config.Operators = append(config.Operators, name)
	}
	for pair := range strings.FieldsFuncSeq(s.namespaces, isComma) {
		own, other, both := strings.Cut(pair, "=")
		if !both || !ValidCaller(own) || !ValidCaller(other) {
			return nil, errors.New("--namespaces: a list such as shop-eu=shop,user:0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f=app")
		}
		if config.Namespaces == nil {
			config.Namespaces = make(map[string]string)
		}
		config.Namespaces[own] = other
	}
	return OpenWalls(config)
}

var errNoTLS = errors.New("--tls-certificate, --tls-key and --tls-authority are required; or --insecure PROGRAM, for plain text on this machine")

func isComma(r rune) bool { return r == ',' }

// Config returns the part of a server's configuration that the shared flags set.
func (s *Settings) Config(name string, logger *slog.Logger) Config {
	return Config{
		Name:         name,
		GRPCAddress:  s.GRPCAddress,
		HTTPAddress:  s.HTTPAddress,
		Logger:       logger,
		DrainTimeout: s.DrainTimeout,
		MaxDeadline:  s.MaxDeadline,

		Hosts:          s.Hosts,
		AllowedOrigins: s.AllowedOrigins,
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
