package gatewaytest

import (
	"context"
	"sync"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/token"
	"codebank.dev/platform/wallstest"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/grpc/metadata"
)

// What the one user of Identity signs in with, and his id.
const (
	Email    = "maria@example.com"
	Password = "correct horse battery"
	User     = "0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f"
)

// Identity knows one user.
type Identity struct {
	identityv1.UnimplementedIdentityServiceServer

	kit  *wallstest.Kit
	test testing.TB

	mutex     sync.Mutex
	addresses []string
	signedOut []string
	away      bool
}

// Leave makes GetMe answer that identity is away.
func (i *Identity) Leave() {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.away = true
}

// Addresses returns the network addresses that sign-ins came from, as the gateway has passed them on.
func (i *Identity) Addresses() []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return append([]string(nil), i.addresses...)
}

// SignedOut returns what sessions were ended by: refresh tokens and access tokens.
func (i *Identity) SignedOut() []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return append([]string(nil), i.signedOut...)
}

func (i *Identity) tokens(refresh string) *identityv1.Tokens {
	return &identityv1.Tokens{
		AccessToken: i.kit.Customer(i.test, User), RefreshToken: refresh, Session: "sessions/" + User,
	}
}

// SignUp takes every address.
func (i *Identity) SignUp(_ context.Context, in *identityv1.SignUpRequest) (*identityv1.SignUpResponse, error) {
	if in.GetEmail() == "" {
		return nil, fault.Invalid("email", "This field is required.")
	}
	return &identityv1.SignUpResponse{}, nil
}

// ConfirmSignUp takes the token "mailed".
func (i *Identity) ConfirmSignUp(_ context.Context, in *identityv1.ConfirmSignUpRequest) (*identityv1.ConfirmSignUpResponse, error) {
	if in.GetToken() != "mailed" {
		return nil, fault.New(fault.FailedPrecondition, "TOKEN_NOT_VALID", "The token is unknown, used or too old.")
	}
	return &identityv1.ConfirmSignUpResponse{User: me()}, nil
}

func me() *identityv1.User {
	return &identityv1.User{Name: "users/" + User, Email: Email, Roles: []identityv1.Role{identityv1.Role_ROLE_CUSTOMER}}
}

// SignIn takes Email and Password.
func (i *Identity) SignIn(ctx context.Context, in *identityv1.SignInRequest) (*identityv1.SignInResponse, error) {
	i.mutex.Lock()
	i.addresses = append(i.addresses, metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")...)
	i.mutex.Unlock()
	if in.GetEmail() != Email || in.GetPassword() != Password {
		return nil, fault.New(fault.Unauthenticated, "WRONG_CREDENTIALS", "The address and the password do not belong together.")
	}
	return &identityv1.SignInResponse{Tokens: i.tokens("refresh-1"), DeviceToken: "device-1"}, nil
}

// Refresh takes "refresh-1".
func (i *Identity) Refresh(_ context.Context, in *identityv1.RefreshRequest) (*identityv1.RefreshResponse, error) {
	if in.GetRefreshToken() != "refresh-1" {
		return nil, fault.New(fault.Unauthenticated, "REFRESH_TOKEN_NOT_VALID", "The refresh token is not one.")
	}
	return &identityv1.RefreshResponse{Tokens: i.tokens("refresh-2")}, nil
}

// SignOut remembers what it is called with.
func (i *Identity) SignOut(ctx context.Context, in *identityv1.SignOutRequest) (*identityv1.SignOutResponse, error) {
	by := in.GetRefreshToken()
	if by == "" {
		var err error
		if by, err = token.Bearer(ctx); err != nil {
			return nil, err
		}
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.signedOut = append(i.signedOut, by)
	return &identityv1.SignOutResponse{}, nil
}

// GetMe answers the one user to every token.
func (i *Identity) GetMe(ctx context.Context, _ *identityv1.GetMeRequest) (*identityv1.GetMeResponse, error) {
	if _, err := token.Bearer(ctx); err != nil {
		return nil, err
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.away {
		return nil, fault.New(fault.Unavailable, "DATABASE_AWAY", "away")
	}
	return &identityv1.GetMeResponse{User: me()}, nil
}

// RequestPasswordReset, ResetPassword, ListSessions, EndSession and ChangePassword do nothing.
func (*Identity) RequestPasswordReset(context.Context, *identityv1.RequestPasswordResetRequest) (*identityv1.RequestPasswordResetResponse, error) {
	return &identityv1.RequestPasswordResetResponse{}, nil
}

// ResetPassword does nothing.
func (*Identity) ResetPassword(context.Context, *identityv1.ResetPasswordRequest) (*identityv1.ResetPasswordResponse, error) {
	return &identityv1.ResetPasswordResponse{}, nil
}

// ListSessions answers none.
func (*Identity) ListSessions(context.Context, *identityv1.ListSessionsRequest) (*identityv1.ListSessionsResponse, error) {
	return &identityv1.ListSessionsResponse{}, nil
}

// EndSession does nothing.
func (*Identity) EndSession(context.Context, *identityv1.EndSessionRequest) (*identityv1.EndSessionResponse, error) {
	return &identityv1.EndSessionResponse{}, nil
}

// ChangePassword does nothing.
func (*Identity) ChangePassword(context.Context, *identityv1.ChangePasswordRequest) (*identityv1.ChangePasswordResponse, error) {
	return &identityv1.ChangePasswordResponse{}, nil
}
