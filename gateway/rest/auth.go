package rest

import (
	"net/http"

	"codebank.dev/platform/serve"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
)

// authorize signs in with address and password, and answers the access token alone.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	tokens, err := s.signInBy(r, "email", "password")
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, struct {
		Token string `json:"token"`
	}{tokens.GetTokens().GetAccessToken()})
}

// signInBy signs in as the body of a request says, which may have these members.
func (s *Server) signInBy(r *http.Request, names ...string) (*identityv1.SignInResponse, error) {
	body, err := serve.ReadObject(r, names...)
	if err != nil {
		return nil, err
	}
	request := &identityv1.SignInRequest{}
	err = body.Texts(map[string]*string{
		"email": &request.Email, "password": &request.Password, "device": &request.Device, "deviceToken": &request.DeviceToken,
	})
	if err != nil {
		return nil, err
	}
	return s.identity.SignIn(r.Context(), request)
}
