// Package rpc serves package access over gRPC, and over REST by the gateway. It checks the form of
// requests, finds out who calls, and translates; all else is decided below.
//
//	server.go   the calls
//	message.go  answers in the form of the contract
//	watch.go    the stream of ended sessions
//	jwks.go     the public keys
package rpc

import (
	"context"
	"net/netip"

	"codebank.dev/identity"
	"codebank.dev/identity/access"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
)

// Listener is what the server that listens knows of a call. *serve.Server is one.
type Listener interface {
	// Address returns the network address that a call comes from.
	Address(ctx context.Context) netip.Addr
	// Draining is closed when the server begins to end.
	Draining() <-chan struct{}
}

var _ Listener = (*serve.Server)(nil)

// Server implements identity.v1.IdentityService.
type Server struct {
	identityv1.UnimplementedIdentityServiceServer

	service  *access.Service
	listener Listener
}

// NewServer returns a Server.
func NewServer(service *access.Service, listener Listener) *Server {
	return &Server{service: service, listener: listener}
}

func (s *Server) origin(ctx context.Context) identity.Origin {
	return identity.Origin{Address: s.listener.Address(ctx), Trace: serve.TraceID(ctx)}
}

// caller returns who calls, by the access token of the call.
func (s *Server) caller(ctx context.Context) (access.Caller, error) {
	text, err := token.Bearer(ctx)
	if err != nil {
		return access.Caller{}, err
	}
	return s.service.Authenticate(ctx, text)
}

// SignUp asks for an e-mail. Errors: InvalidArgument email; ResourceExhausted.
func (s *Server) SignUp(ctx context.Context, request *identityv1.SignUpRequest) (*identityv1.SignUpResponse, error) {
	return &identityv1.SignUpResponse{}, s.service.SignUp(ctx, s.origin(ctx), request.GetEmail())
}

// ConfirmSignUp opens an account. Errors: InvalidArgument token, password; FailedPrecondition;
// ResourceExhausted.
func (s *Server) ConfirmSignUp(ctx context.Context, request *identityv1.ConfirmSignUpRequest) (*identityv1.ConfirmSignUpResponse, error) {
	user, err := s.service.ConfirmSignUp(ctx, s.origin(ctx), request.GetToken(), request.GetPassword())
	return &identityv1.ConfirmSignUpResponse{User: userMessage(user)}, err
}

// SignIn opens a session. Errors: InvalidArgument email, device, device_token; Unauthenticated;
// ResourceExhausted.
func (s *Server) SignIn(ctx context.Context, request *identityv1.SignInRequest) (*identityv1.SignInResponse, error) {
	tokens, device, err := s.service.SignIn(ctx, s.origin(ctx), access.Credentials{
		Email: request.GetEmail(), Password: request.GetPassword(), Device: request.GetDevice(), DeviceToken: request.GetDeviceToken(),
	})
	if err != nil {
		return nil, err
	}
	return &identityv1.SignInResponse{Tokens: tokensMessage(tokens), DeviceToken: device.Reveal()}, nil
}

// Refresh exchanges a refresh token. Errors: InvalidArgument refresh_token; Unauthenticated.
func (s *Server) Refresh(ctx context.Context, request *identityv1.RefreshRequest) (*identityv1.RefreshResponse, error) {
	tokens, err := s.service.Refresh(ctx, s.origin(ctx), request.GetRefreshToken())
	if err != nil {
		return nil, err
	}
	return &identityv1.RefreshResponse{Tokens: tokensMessage(tokens)}, nil
}

// SignOut ends a session. Errors: InvalidArgument refresh_token; Unauthenticated without any token.
func (s *Server) SignOut(ctx context.Context, request *identityv1.SignOutRequest) (*identityv1.SignOutResponse, error) {
	var caller *access.Caller
	if request.GetRefreshToken() == "" {
		known, err := s.caller(ctx)
		if err != nil {
			return nil, err
		}
		caller = &known
	}
	return &identityv1.SignOutResponse{}, s.service.SignOut(ctx, s.origin(ctx), caller, request.GetRefreshToken())
}

// GetMe returns the caller. Errors: Unauthenticated.
func (s *Server) GetMe(ctx context.Context, _ *identityv1.GetMeRequest) (*identityv1.GetMeResponse, error) {
	caller, err := s.caller(ctx)
	return &identityv1.GetMeResponse{User: userMessage(caller.User)}, err
}

// ListSessions returns the caller's sessions. Errors: Unauthenticated.
func (s *Server) ListSessions(ctx context.Context, _ *identityv1.ListSessionsRequest) (*identityv1.ListSessionsResponse, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	sessions, err := s.service.ListSessions(ctx, caller)
	response := &identityv1.ListSessionsResponse{}
	for _, session := range sessions {
		response.Sessions = append(response.Sessions, sessionMessage(session, caller.Session))
	}
	return response, err
}

// EndSession ends a session of the caller. Errors: Unauthenticated; InvalidArgument name; NotFound.
func (s *Server) EndSession(ctx context.Context, request *identityv1.EndSessionRequest) (*identityv1.EndSessionResponse, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	return &identityv1.EndSessionResponse{}, s.service.EndSession(ctx, s.origin(ctx), caller, request.GetName())
}

// ChangePassword replaces the caller's password. Errors: Unauthenticated; InvalidArgument new_password;
// ResourceExhausted.
func (s *Server) ChangePassword(ctx context.Context, request *identityv1.ChangePasswordRequest) (*identityv1.ChangePasswordResponse, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	change := access.PasswordChange{Current: request.GetCurrentPassword(), New: request.GetNewPassword()}
	return &identityv1.ChangePasswordResponse{}, s.service.ChangePassword(ctx, s.origin(ctx), caller, change)
}

// RequestPasswordReset asks for an e-mail. Errors: InvalidArgument email; ResourceExhausted.
func (s *Server) RequestPasswordReset(ctx context.Context, request *identityv1.RequestPasswordResetRequest) (*identityv1.RequestPasswordResetResponse, error) {
	return &identityv1.RequestPasswordResetResponse{}, s.service.RequestPasswordReset(ctx, s.origin(ctx), request.GetEmail())
}

// ResetPassword replaces a password. Errors: InvalidArgument token, new_password; FailedPrecondition;
// ResourceExhausted.
func (s *Server) ResetPassword(ctx context.Context, request *identityv1.ResetPasswordRequest) (*identityv1.ResetPasswordResponse, error) {
	return &identityv1.ResetPasswordResponse{}, s.service.ResetPassword(ctx, s.origin(ctx), request.GetToken(), request.GetNewPassword())
}
