package rest

import (
	"net/http"
	"time"

	"codebank.dev/platform/serve"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// session is what a client keeps of a session. All but the times are secrets.
type session struct {
	Token        string    `json:"token"`
	ExpireTime   time.Time `json:"tokenExpireTime"`
	RefreshToken string    `json:"refreshToken"`
	// DeviceToken is only in the answer of a sign-in.
	DeviceToken string `json:"deviceToken,omitempty"`
}

func sessionOf(tokens *identityv1.Tokens, deviceToken string) session {
	return session{
		Token: tokens.GetAccessToken(), ExpireTime: timeOf(tokens.GetAccessTokenExpireTime()),
		RefreshToken: tokens.GetRefreshToken(), DeviceToken: deviceToken,
	}
}

// timeOf returns a time in UTC, as JSON shows it.
func timeOf(stamp *timestamppb.Timestamp) time.Time { return stamp.AsTime().UTC() }

// user is who has signed in.
type user struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Roles      []string  `json:"roles"`
	CreateTime time.Time `json:"createTime"`
}

func userOf(of *identityv1.User) user {
	shown := user{ID: idOf(of.GetName()), Email: of.GetEmail(), Roles: []string{}, CreateTime: timeOf(of.GetCreateTime())}
	for _, role := range of.GetRoles() {
		shown.Roles = append(shown.Roles, wordOf(role.String(), "ROLE_"))
	}
	return shown
}

// next says what follows a sign-up.
type next struct {
	Next string `json:"next"`
}

const confirm = "An e-mail is on its way to this address. Send the token in it, with the password, to POST /auth/sign-up/confirm."

// authorize signs in with address and password, and answers the access token alone.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	signedIn, err := s.signInBy(r, "email", "password")
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, struct {
		Token string `json:"token"`
	}{signedIn.GetTokens().GetAccessToken()})
}

// signIn signs in, and answers all that a client keeps.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	signedIn, err := s.signInBy(r, "email", "password", "device", "deviceToken")
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, sessionOf(signedIn.GetTokens(), signedIn.GetDeviceToken()))
}

// signInBy signs in as the body of a request says, which may have these members.
func (s *Server) signInBy(r *http.Request, names ...string) (*identityv1.SignInResponse, error) {
	request := &identityv1.SignInRequest{}
	err := readTexts(r, names, map[string]*string{
		"email": &request.Email, "password": &request.Password, "device": &request.Device, "deviceToken": &request.DeviceToken,
	})
	if err != nil {
		return nil, err
	}
	return s.identity.SignIn(r.Context(), request)
}

// signUp asks for an e-mail that proves the address. A name and a password may be sent, and are not kept: the
// password is chosen by whoever has the e-mail.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) error {
	request, dropped := &identityv1.SignUpRequest{}, ""
	members := map[string]*string{"email": &request.Email, "name": &dropped, "password": &dropped}
	if err := readTexts(r, []string{"email", "name", "password"}, members); err != nil {
		return err
	}
	if _, err := s.identity.SignUp(r.Context(), request); err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusAccepted, next{confirm})
}

// confirmSignUp opens the account.
func (s *Server) confirmSignUp(w http.ResponseWriter, r *http.Request) error {
	request := &identityv1.ConfirmSignUpRequest{}
	members := map[string]*string{"token": &request.Token, "password": &request.Password}
	if err := readTexts(r, []string{"token", "password"}, members); err != nil {
		return err
	}
	confirmed, err := s.identity.ConfirmSignUp(r.Context(), request)
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusCreated, userOf(confirmed.GetUser()))
}

// refresh exchanges a refresh token.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request) error {
	request := &identityv1.RefreshRequest{}
	if err := readTexts(r, []string{"refreshToken"}, map[string]*string{"refreshToken": &request.RefreshToken}); err != nil {
		return err
	}
	refreshed, err := s.identity.Refresh(r.Context(), request)
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, sessionOf(refreshed.GetTokens(), ""))
}

// signOut ends the session of the refresh token in the body, or else of the access token.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	request := &identityv1.SignOutRequest{}
	if r.ContentLength != 0 {
		if err := readTexts(r, []string{"refreshToken"}, map[string]*string{"refreshToken": &request.RefreshToken}); err != nil {
			return err
		}
	}
	if _, err := s.identity.SignOut(r.Context(), request); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// me answers the user.
func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	found, err := s.identity.GetMe(r.Context(), &identityv1.GetMeRequest{})
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, userOf(found.GetUser()))
}

// readTexts reads a body with these members, all of them strings.
func readTexts(r *http.Request, names []string, members map[string]*string) error {
	body, err := serve.ReadObject(r, names...)
	if err != nil {
		return err
	}
	return body.Texts(members)
}
