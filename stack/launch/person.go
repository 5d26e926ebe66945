package launch

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"codebank.dev/stack/mailbox"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mailTimeout bounds the wait for an e-mail.
const mailTimeout = time.Minute

// Person is a user who has signed in.
type Person struct {
	// User is the UUID of the user, and of the customer that the user owns.
	User uuid.UUID
	// Email and Password are what the user signs in with.
	Email, Password string
	// Token is the access token.
	Token string
}

// Context returns ctx for calls of the person.
func (p *Person) Context(ctx context.Context) context.Context { return WithToken(ctx, p.Token) }

// SignUp signs a new user up at identity, by e-mail, and in, with a password that nobody knows. Each user has
// another address.
func (s *Stack) SignUp(ctx context.Context, email string) (*Person, error) {
	return s.SignUpWith(ctx, email, rand.Text())
}

// SignUpWith is SignUp with a password.
func (s *Stack) SignUpWith(ctx context.Context, email, password string) (*Person, error) {
	connection, err := s.Dial("identity", s.addresses.IdentityGRPC(), "")
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	client := identityv1.NewIdentityServiceClient(connection)
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	if _, err := client.SignUp(ctx, &identityv1.SignUpRequest{Email: email}); err != nil {
		return nil, err
	}
	confirmed, err := client.ConfirmSignUp(ctx, &identityv1.ConfirmSignUpRequest{Token: s.AwaitCode(ctx, email), Password: password})
	if err != nil {
		return nil, fmt.Errorf("confirm the sign-up of %s: %w", email, err)
	}
	person := &Person{Email: email, Password: password}
	if person.User, err = uuid.Parse(strings.TrimPrefix(confirmed.GetUser().GetName(), "users/")); err != nil {
		return nil, err
	}
	for {
		signedIn, err := client.SignIn(ctx, &identityv1.SignInRequest{Email: email, Password: password, Device: "stack"})
		if status.Code(err) != codes.ResourceExhausted { // A few passwords are hashed at once.
			person.Token = signedIn.GetTokens().GetAccessToken()
			return person, err
		}
		time.Sleep(mailPoll)
	}
}

// mailPoll is the interval at which an e-mail is looked for.
const mailPoll = 20 * time.Millisecond

// AwaitCode waits for the token in an e-mail; "" if none comes before ctx ends.
func (s *Stack) AwaitCode(ctx context.Context, email string) string {
	for ctx.Err() == nil {
		if code := mailbox.Code(s.mailFolder(), email); code != "" {
			return code
		}
		select {
		case <-ctx.Done():
		case <-time.After(mailPoll):
		}
	}
	return ""
}
