package rpc

import (
	"codebank.dev/platform/permission"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
)

// Permissions says who may call the service. The calls of people let anybody in, because those that need an
// access token verify it themselves: against the sessions in the database, so that it ends with its session
// at once.
func Permissions() permission.Table {
	people := permission.Rule{Anybody: true, Whose: permission.Own}
	act := permission.Rule{Anybody: true, Whose: permission.Own, Acts: true}
	return permission.Table{
		identityv1.IdentityService_SignUp_FullMethodName:               act,
		identityv1.IdentityService_ConfirmSignUp_FullMethodName:        act,
		identityv1.IdentityService_SignIn_FullMethodName:               act,
		identityv1.IdentityService_Refresh_FullMethodName:              act,
		identityv1.IdentityService_SignOut_FullMethodName:              act,
		identityv1.IdentityService_GetMe_FullMethodName:                people,
		identityv1.IdentityService_ListSessions_FullMethodName:         people,
		identityv1.IdentityService_EndSession_FullMethodName:           act,
		identityv1.IdentityService_ChangePassword_FullMethodName:       act,
		identityv1.IdentityService_RequestPasswordReset_FullMethodName: act,
		identityv1.IdentityService_ResetPassword_FullMethodName:        act,
		// Programs that verify tokens.
		identityv1.IdentityService_WatchEndedSessions_FullMethodName: {
			Services: permission.AllServices, Operators: true, Whose: permission.Any,
		},
	}
}
