package serve

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/token"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
)

// heardWithin is how long ago the program identity may have told which sessions have ended, for a person to
// move money or to change credentials.
const heardWithin = 5 * time.Second

var (
	errNoTokens    = fault.New(fault.Unauthenticated, "TOKENS_NOT_TAKEN", "The service takes no access tokens, and does not act for the user of one.")
	errCertificate = fault.New(fault.Unauthenticated, "CERTIFICATE_REFUSED", "The client certificate is denied, has expired, or is of an authority that is not trusted any more.")
	errUnheard     = fault.New(fault.Unavailable, "SESSIONS_UNKNOWN",
		"The service cannot tell at the moment which sessions have ended, and takes no commands from people. Reads go on.").After(time.Second)
)

// WallsConfig says how a program proves who calls it, and itself to others.
type WallsConfig struct {
	// TLS are the files of TLS.
	TLS mtls.Config
	// Insecure is the name of the program that every caller is taken for, in plain text and on the loopback
	// address only. It is in place of TLS.
	Insecure string
	// Tokens are the access tokens that are taken; without an issuer, none is, and a program that sends one
	// is refused, because it acts for a user.
	Tokens token.Settings
	// HandlersVerify leaves access tokens to the handlers, for a program without Tokens.
	HandlersVerify bool
	// IdentityAddress is the gRPC address of the program identity, which tells which sessions have ended.
	// Empty: a session ends when its tokens expire.
	IdentityAddress string
	// Operators are the programs that count as operators.
	Operators []string
	// Namespaces are other names for the request ids of principals, by their own namespace.
	Namespaces map[string]string
	// Logger gets warnings. Default: slog.Default().
	Logger *slog.Logger
	// Now is the clock of tokens; nil means time.Now.
	Now func() time.Time
}

// Walls prove who calls a program. Make one with OpenWalls, give it to Listen, and dial other programs with
// it. It is safe for concurrent use.
type Walls struct {
	config    WallsConfig
	files     *mtls.Files
	operators map[string]bool
	source    *token.Source
	tokens    *token.Verifier
	ended     *token.Ended
	identity  *grpc.ClientConn
}

// OpenWalls reads the files of TLS. The error names a setting that is missing or wrong.
func OpenWalls(config WallsConfig) (*Walls, error) {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	w := &Walls{config: config, operators: make(map[string]bool)}
	for _, name := range config.Operators {
		w.operators[name] = true
	}
	switch {
	case config.Insecure != "" && !config.TLS.IsZero():
		return nil, errors.New("--insecure and --tls-… exclude each other")
	case config.Insecure != "" && !ValidCaller(config.Insecure):
		return nil, errors.New("--insecure: not a name of a program")
	case config.Insecure == "":
		files, err := mtls.Open(config.TLS)
		if err != nil {
			return nil, err
		}
		w.files = files
	}
	return w, w.openTokens()
}

func (w *Walls) openTokens() error {
	settings := &w.config.Tokens
	if settings.Issuer == "" {
		return nil
	}
	if err := settings.Check(); err != nil {
		return err
	}
	var transport http.RoundTripper
	if w.files != nil {
		transport = w.files.PublicTransport()
	}
	w.source = token.NewSource(settings.Keys, transport)
	if w.config.IdentityAddress != "" {
		w.ended = token.NewEnded(w.config.Now)
		var err error
		if w.identity, err = w.Dial(w.config.IdentityAddress, "identity"); err != nil {
			return err
		}
	}
	var err error
	w.tokens, err = token.NewVerifier(token.Config{
		Issuer: settings.Issuer, Audience: settings.Audience, Keys: w.source, Ended: w.ended, Now: w.config.Now,
	})
	return err
}

// Dial returns a connection to a program, as function Dial does. The other side must prove to be the
// program, unless these walls are in plain text.
func (w *Walls) Dial(address, program string, options ...DialOption) (*grpc.ClientConn, error) {
	if err := w.admit(address); err != nil {
		return nil, err
	}
	if w.files != nil {
		options = append([]DialOption{WithGRPC(grpc.WithTransportCredentials(w.files.Client(program)))}, options...)
	}
	return Dial(address, options...)
}

// Files returns the files of TLS; nil for plain text.
func (w *Walls) Files() *mtls.Files { return w.files }

// Close closes the connection to the program identity.
func (w *Walls) Close() {
	if w.identity != nil {
		_ = w.identity.Close()
	}
}

// admit refuses plain text with other machines, for listening and for dialing.
func (w *Walls) admit(addresses ...string) error {
	if w.files != nil {
		return nil
	}
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		if address != "" && (err != nil || !isLoopback(host)) {
			return fmt.Errorf("--insecure: %s is not a loopback address", address)
		}
	}
	return nil
}

// work are what the walls do beside the calls.
func (w *Walls) work() (work []func(context.Context)) {
	logger := w.config.Logger
	if w.files != nil {
		work = append(work, func(ctx context.Context) { w.files.Run(ctx, logger) })
	}
	if w.source != nil {
		work = append(work, func(ctx context.Context) { w.source.Run(ctx, logger) })
	}
	if w.ended != nil {
		work = append(work, func(ctx context.Context) {
			w.ended.Watch(ctx, identityv1.NewIdentityServiceClient(w.identity), logger)
		})
	}
	return work
}

// register adds the figures of the walls to a registry.
func (w *Walls) register(registry registerer) {
	if w.files != nil {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "codebank_certificate_expiry_timestamp_seconds", Help: "When the program's own certificate expires.",
		}, func() float64 { return float64(w.files.NotAfter().Unix()) })) // tidy:float a time, not money
	}
	if w.ended != nil {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "codebank_sessions_known",
			Help: "1 while the program knows which sessions have ended. While it is 0, commands of people are answered UNAVAILABLE.",
		}, func() float64 { // tidy:float 0 or 1, not money
			if w.ended.HeardWithin(heardWithin) {
				return 1
			}
			return 0
		}))
	}
}

// proof is what a connection proves about its other side.
type proof struct {
	// certificates are those that the other side has shown, its own first. There is none for plain text and
	// for who has none.
	certificates []*x509.Certificate
	peer         principal.Principal
	// caller is the namespace of request ids.
	caller string
}

// prove returns what a connection proves: by its certificate, or by being in plain text on this machine.
func (w *Walls) prove(certificates []*x509.Certificate) *proof {
	switch {
	case w.files == nil:
		return w.named(w.config.Insecure, true, nil)
	case len(certificates) == 0:
		return &proof{peer: principal.None()}
	}
	id, err := mtls.IDOf(certificates[0])
	if err != nil {
		return &proof{peer: principal.None()} // The handshake has refused it.
	}
	name, near := id.Program, w.files.ID().Near(id)
	if !near {
		name = id.Bank + ":" + id.Program
	}
	return w.named(name, near, certificates)
}

// named returns the proof of a program. Only one of this bank, or of none, can be an operator.
func (w *Walls) named(program string, near bool, certificates []*x509.Certificate) *proof {
	peer := principal.Principal{Kind: principal.Service, Name: program}
	if near && w.operators[program] {
		peer.Kind = principal.Operator
	}
	return &proof{certificates: certificates, peer: peer, caller: w.Namespace(&peer)}
}

// Program returns the principal that a program is which proves its name.
func (w *Walls) Program(name string) principal.Principal { return w.named(name, true, nil).peer }

// Namespace returns the name that a principal's request ids belong to.
func (w *Walls) Namespace(p *principal.Principal) string {
	own := p.Namespace()
	if other, renamed := w.config.Namespaces[own]; renamed {
		return other
	}
	return own
}

// holds refuses a connection whose certificate is denied now, has expired since, or is of an authority that
// was taken out of the file.
func (w *Walls) holds(p *proof) error {
	if len(p.certificates) == 0 {
		return nil
	}
	own := p.certificates[0]
	if time.Now().After(own.NotAfter) || w.files.Denies(own) || !w.files.Trusts(p.certificates) {
		return errCertificate
	}
	return nil
}

// judgeOpen is judge for a method that is open to anybody: who sends a token that is not taken is nobody there, so
// a client whose token has expired can still refresh it. He is not taken for his program instead.
func (w *Walls) judgeOpen(ctx context.Context, known *identity) error {
	known.caller, known.subject = known.proof.caller, known.proof.peer
	if err := w.holds(known.proof); err != nil {
		return err
	}
	if w.judge(ctx, known) != nil {
		known.subject = principal.None()
	}
	return nil
}

// judge fills in who calls: the other side of the connection or, with an access token, its user.
func (w *Walls) judge(ctx context.Context, known *identity) error {
	known.caller, known.subject = known.proof.caller, known.proof.peer
	if err := w.holds(known.proof); err != nil {
		return err
	}
	if !token.Present(ctx) {
		return nil
	}
	if w.tokens == nil {
		return w.withoutTokens(&known.subject)
	}
	text, err := token.Bearer(ctx)
	if err != nil {
		return err
	}
	claims, err := w.tokens.Verify(ctx, text)
	if err != nil {
		return err
	}
	known.token = text
	known.subject = principal.Principal{Kind: principal.User, Name: claims.Subject, Roles: claims.Roles, Session: claims.Session}
	if claims.HasRole(permission.RoleOperator) {
		known.subject.Kind = principal.Operator
	}
	if known.proof.peer.Kind == principal.Nobody {
		known.caller = w.Namespace(&known.subject)
	}
	return nil
}

// withoutTokens refuses a token that nobody verifies if its call would be made for a program instead.
func (w *Walls) withoutTokens(peer *principal.Principal) error {
	if w.config.HandlersVerify || peer.Kind == principal.Nobody {
		return nil
	}
	return errNoTokens
}

// again judges a call that goes on.
func (w *Walls) again(ctx context.Context, known *identity) error {
	if err := w.holds(known.proof); err != nil || known.token == "" {
		return err
	}
	_, err := w.tokens.Verify(ctx, known.token)
	return err
}

// allows returns nil if a call may be made by who makes it.
func (w *Walls) allows(config *Config, method string, subject *principal.Principal) error {
	if err := config.Permissions.Allows(method, subject, config.Groups); err != nil {
		return err
	}
	if config.Permissions.IsOpen(method) {
		return nil // Without a token he may call it too.
	}
	if subject.IsPerson() && config.Permissions.Acts(method) && w.ended != nil && !w.ended.HeardWithin(heardWithin) {
		return errUnheard
	}
	return nil
}

// serveHTTP serves HTTP, over TLS if the program has walls.
func (s *Server) serveHTTP() error {
	if s.config.Walls == nil || s.config.Walls.files == nil {
		return s.http.Serve(s.httpListener)
	}
	s.http.TLSConfig = s.config.Walls.files.ServerConfig()
	return s.http.ServeTLS(s.httpListener, "", "")
}

// checkPermissions returns an error unless the permissions have a row for each method and for each route.
func (s *Server) checkPermissions() error {
	if s.config.Walls == nil {
		if len(s.routes.patterns) > 0 {
			return errNoWalls
		}
		return nil
	}
	methods := slices.Clone(s.routes.patterns)
	for service, info := range s.grpc.GetServiceInfo() {
		for _, method := range info.Methods {
			if full := "/" + service + "/" + method.Name; !isCommon(full) {
				methods = append(methods, full)
			}
		}
	}
	return s.config.Permissions.Check(methods, s.config.Groups)
}
