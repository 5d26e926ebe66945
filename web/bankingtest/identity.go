package bankingtest

import (
	"context"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/token"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// tokenLife is how long an access token lives.
const tokenLife = 15 * time.Minute

type session struct {
	id, device, refresh, access string
	user                        *user
	made, used, until           time.Time
	ended                       bool
}

// Join makes a user with a password, and returns his id.
func (w *World) Join(email, password string) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	made := &user{id: newID(), email: email, password: password}
	w.users[email] = made
	return made.id
}

// Mailed returns the token that was sent to an address last; "" for none.
func (w *World) Mailed(email string) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for token, to := range w.mailed {
		if to == email {
			return token
		}
	}
	return ""
}

// EndSessions ends all sessions, as if it was done on another device.
func (w *World) EndSessions() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.sessions {
		one.ended = true
	}
}

// OpenSessions returns how many sessions have not ended.
func (w *World) OpenSessions() (open int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.sessions {
		if !one.ended {
			open++
		}
	}
	return open
}

var errToken = fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "This call needs a client certificate or an access token.")

// caller returns the session of a call. The caller of it holds the mutex.
func (w *World) caller(ctx context.Context) (*session, error) {
	text, err := token.Bearer(ctx)
	if err != nil {
		return nil, errToken
	}
	for _, one := range w.sessions {
		if one.access == text && !one.ended && w.now().Before(one.until) {
			return one, nil
		}
	}
	return nil, errToken
}

type identity struct {
	identityv1.UnimplementedIdentityServiceServer
	*World
}

func (i *identity) SignUp(_ context.Context, in *identityv1.SignUpRequest) (*identityv1.SignUpResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if !strings.Contains(in.GetEmail(), "@") {
		return nil, fault.Invalid("email", "This is no e-mail address.")
	}
	i.mailed[newID()] = in.GetEmail()
	return &identityv1.SignUpResponse{}, nil
}

func (i *identity) RequestPasswordReset(ctx context.Context, in *identityv1.RequestPasswordResetRequest) (*identityv1.RequestPasswordResetResponse, error) {
	_, err := i.SignUp(ctx, &identityv1.SignUpRequest{Email: in.GetEmail()})
	return &identityv1.RequestPasswordResetResponse{}, err
}

// prove returns the address that a mailed token proves, and uses it up.
func (i *identity) prove(token, password string) (string, error) {
	email, known := i.mailed[token]
	switch {
	case !known:
		return "", fault.New(fault.FailedPrecondition, "TOKEN_NOT_VALID", "The token is unknown, used or too old.")
	case len(password) < 8:
		return "", fault.Invalid("password", "A password has 8 to 128 characters.")
	}
	delete(i.mailed, token)
	return email, nil
}

func (i *identity) ConfirmSignUp(_ context.Context, in *identityv1.ConfirmSignUpRequest) (*identityv1.ConfirmSignUpResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	email, err := i.prove(in.GetToken(), in.GetPassword())
	if err != nil {
		return nil, err
	}
	made := &user{id: newID(), email: email, password: in.GetPassword()}
	i.users[email] = made
	return &identityv1.ConfirmSignUpResponse{User: made.shown()}, nil
}

func (i *identity) ResetPassword(_ context.Context, in *identityv1.ResetPasswordRequest) (*identityv1.ResetPasswordResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	email, err := i.prove(in.GetToken(), in.GetNewPassword())
	if err != nil {
		return nil, err
	}
	if known := i.users[email]; known != nil {
		known.password = in.GetNewPassword()
	}
	return &identityv1.ResetPasswordResponse{}, nil
}

func (u *user) shown() *identityv1.User {
	return &identityv1.User{Name: "users/" + u.id, Email: u.email, Roles: []identityv1.Role{identityv1.Role_ROLE_CUSTOMER}}
}

func (i *identity) SignIn(_ context.Context, in *identityv1.SignInRequest) (*identityv1.SignInResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	known := i.users[in.GetEmail()]
	if known == nil || known.password != in.GetPassword() {
		return nil, fault.New(fault.Unauthenticated, "WRONG_CREDENTIALS", "The address and the password do not belong together.")
	}
	made := &session{id: newID(), device: in.GetDevice(), user: known, made: i.now()}
	i.sessions[made.id] = made
	return &identityv1.SignInResponse{Tokens: i.renew(made), DeviceToken: "device-" + known.id}, nil
}

// renew gives a session new tokens.
func (w *World) renew(s *session) *identityv1.Tokens {
	s.access, s.refresh, s.used, s.until = "access-"+newID(), "refresh-"+newID(), w.now(), w.now().Add(tokenLife)
	return &identityv1.Tokens{
		AccessToken: s.access, AccessTokenExpireTime: timestamppb.New(s.until), RefreshToken: s.refresh, Session: "sessions/" + s.id,
	}
}

func (i *identity) Refresh(_ context.Context, in *identityv1.RefreshRequest) (*identityv1.RefreshResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, one := range i.sessions {
		if one.refresh == in.GetRefreshToken() && !one.ended {
			return &identityv1.RefreshResponse{Tokens: i.renew(one)}, nil
		}
	}
	return nil, fault.New(fault.Unauthenticated, "REFRESH_TOKEN_NOT_VALID", "The refresh token is not one.")
}

func (i *identity) SignOut(_ context.Context, in *identityv1.SignOutRequest) (*identityv1.SignOutResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, one := range i.sessions {
		if one.refresh == in.GetRefreshToken() {
			one.ended = true
		}
	}
	return &identityv1.SignOutResponse{}, nil
}

func (i *identity) GetMe(ctx context.Context, _ *identityv1.GetMeRequest) (*identityv1.GetMeResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	asking, err := i.caller(ctx)
	if err != nil {
		return nil, err
	}
	return &identityv1.GetMeResponse{User: asking.user.shown()}, nil
}

func (i *identity) ListSessions(ctx context.Context, _ *identityv1.ListSessionsRequest) (*identityv1.ListSessionsResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	asking, err := i.caller(ctx)
	if err != nil {
		return nil, err
	}
	answer := &identityv1.ListSessionsResponse{}
	for _, one := range i.sessions {
		if one.user != asking.user || one.ended {
			continue
		}
		answer.Sessions = append(answer.Sessions, &identityv1.Session{
			Name: "sessions/" + one.id, Device: one.device, Address: "203.0.113.7", CreateTime: timestamppb.New(one.made),
			UseTime: timestamppb.New(one.used), ExpireTime: timestamppb.New(one.used.Add(720 * time.Hour)), Current: one == asking,
		})
	}
	return answer, nil
}

func (i *identity) EndSession(ctx context.Context, in *identityv1.EndSessionRequest) (*identityv1.EndSessionResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	asking, err := i.caller(ctx)
	if err != nil {
		return nil, err
	}
	one := i.sessions[strings.TrimPrefix(in.GetName(), "sessions/")]
	if one == nil || one.user != asking.user {
		return nil, fault.New(fault.NotFound, "SESSION_NOT_FOUND", "There is no such session.")
	}
	one.ended = true
	return &identityv1.EndSessionResponse{}, nil
}
