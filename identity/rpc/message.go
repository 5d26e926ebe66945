package rpc

import (
	"strings"

	"codebank.dev/identity"
	"codebank.dev/identity/access"
	"codebank.dev/platform/id"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func userMessage(user identity.User) *identityv1.User {
	message := &identityv1.User{Name: user.Name(), Email: string(user.Email), CreateTime: timestamppb.New(user.CreatedAt)}
	for _, role := range user.Roles {
		message.Roles = append(message.Roles, identityv1.Role(identityv1.Role_value["ROLE_"+strings.ToUpper(string(role))]))
	}
	return message
}

func sessionMessage(session identity.Session, current id.ID) *identityv1.Session {
	return &identityv1.Session{
		Name: session.Name(), Device: session.Device, Address: session.Address,
		CreateTime: timestamppb.New(session.CreatedAt), UseTime: timestamppb.New(session.UsedAt), ExpireTime: timestamppb.New(session.ExpiresAt),
		Current: session.ID == current,
	}
}

func tokensMessage(tokens access.Tokens) *identityv1.Tokens {
	return &identityv1.Tokens{
		AccessToken: tokens.Access, AccessTokenExpireTime: timestamppb.New(tokens.ExpiresAt),
		RefreshToken: tokens.Refresh.Reveal(), Session: identity.SessionName(tokens.Session),
	}
}
