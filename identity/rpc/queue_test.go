package rpc_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/identity/hashing"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/stretchr/testify/require"
)

// slow are parameters with which a hash takes most of the time of a sign-in, as in production.
func slow() hashing.Params {
	params := small()
	params.Memory, params.Iterations = 4<<10, 8
	return params
}

// attack has connections of an address sign in with wrong passwords for addresses without an account, until
// the returned function is called. That returns how many were answered, and how many of them were checked.
func (r *running) attack(t testing.TB, address string, connections int) (stop func() (answered, checked int64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(at(t, address))
	var attackers, warm sync.WaitGroup
	var answers, checks atomic.Int64
	warm.Add(connections)
	for n := range connections {
		conn, err := serve.Dial(r.grpc)
		require.NoError(t, err)
		client := identityv1.NewIdentityServiceClient(conn)
		attackers.Go(func() {
			defer func() { _ = conn.Close() }()
			first := sync.OnceFunc(warm.Done)
			for turn := 0; ctx.Err() == nil; turn++ {
				email := fmt.Sprintf("%d-%d@%s.example.com", n, turn, strings.NewReplacer(":", "-", ".", "-").Replace(address))
				_, err := client.SignIn(ctx, &identityv1.SignInRequest{Email: email, Password: "wrong password"})
				answers.Add(1)
				if fault.Of(serve.FromStatus(err)).Reason == "WRONG_CREDENTIALS" {
					checks.Add(1)
				}
				first()
			}
		})
	}
	warm.Wait()
	return func() (int64, int64) {
		cancel()
		attackers.Wait()
		return answers.Load(), checks.Load()
	}
}

// Attackers on one network or two never keep the owner from signing in, with his device or without it, nor
// from all else that hashes a password.
func TestAttackersDoNotKeepAnOwnerFromASlot(t *testing.T) {
	for _, connections := range []int{3, 8} {
		t.Run(fmt.Sprintf("%d connections", connections), func(t *testing.T) {
			r := startWith(t, postgrestest.Database(t), slow())
			r.open(t, alice)
			device := r.mustSignIn(t).GetDeviceToken()
			first := r.attack(t, "198.51.100.7", connections)
			second := r.attack(t, "2001:db8:1:2:3:4:5:6", connections)
			for turn := range 10 {
				stranger := at(t, fmt.Sprintf("203.0.113.%d", turn))
				_, err := r.SignIn(stranger, &identityv1.SignInRequest{Email: alice, Password: password, DeviceToken: device})
				require.NoError(t, err, "with the device, turn %d", turn)
				_, err = r.signIn(stranger, alice, password)
				require.NoError(t, err, "without the device, turn %d", turn)
			}
			_, err := r.SignIn(at(t, "198.51.100.7"), &identityv1.SignInRequest{Email: alice, Password: password, DeviceToken: device})
			require.NoError(t, err, "a known device in the network of attackers")
			r.open(t, "bob@example.com")
			_, err = r.RequestPasswordReset(t.Context(), &identityv1.RequestPasswordResetRequest{Email: alice})
			require.NoError(t, err)
			reset := &identityv1.ResetPasswordRequest{Token: r.next(t, alice).Code(), NewPassword: "another long pass phrase"}
			_, err = r.ResetPassword(t.Context(), reset)
			require.NoError(t, err)
			signed, err := r.signIn(t.Context(), alice, "another long pass phrase")
			require.NoError(t, err)
			change := &identityv1.ChangePasswordRequest{CurrentPassword: "another long pass phrase", NewPassword: password}
			_, err = r.ChangePassword(bearer(t, signed.GetTokens()), change)
			require.NoError(t, err)
			for _, stop := range []func() (int64, int64){first, second} {
				answered, checked := stop()
				t.Logf("%d wrong sign-ins were answered, %d of them checked", answered, checked)
				require.Positive(t, checked)
			}
		})
	}
}

// occupy takes both slots, for other networks than those of a test, until the returned function is called.
func (r *running) occupy(t testing.TB) (release func()) {
	t.Helper()
	var slots []hashing.Slot
	for n := range hashing.AtOnce {
		slot, err := r.hasher.Acquire(t.Context(), hashing.Caller{Network: fmt.Sprint("occupied ", n)})
		require.NoError(t, err)
		slots = append(slots, slot)
	}
	return func() {
		for _, slot := range slots {
			slot.Release()
		}
	}
}

// waiters has sign-ins of an address fill its places in the queue. The returned function waits for their
// ends.
func (r *running) waiters(t testing.TB, address string) (end func()) {
	t.Helper()
	var waiting sync.WaitGroup
	for n := range hashing.MaxWaiting {
		waiting.Go(func() { _, _ = r.signIn(at(t, address), fmt.Sprintf("waiting-%d@example.com", n), "wrong password") })
	}
	await.Until(t, func() bool { return r.hasher.Waiting() == hashing.MaxWaiting }, hashing.MaxWait, time.Millisecond)
	return waiting.Wait
}

// Who gets no slot has made an attempt of his address, and none of an account.
func TestACallWithoutASlotCountsForItsAddressOnly(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	release := r.occupy(t)
	end := r.waiters(t, "198.51.100.7")
	refused := 0
	for ; refused < 200; refused++ {
		_, err := r.signIn(at(t, "198.51.100.7"), alice, "wrong password")
		if fault.Of(err).Reason == "TOO_MANY_ATTEMPTS" {
			break
		}
		requireReason(t, err, fault.ResourceExhausted, "TOO_MANY_PASSWORD_CHECKS")
	}
	release()
	end()
	require.Equal(t, 100-hashing.MaxWaiting, refused, "what an address may, and far more than an account allows")
	r.clock.Advance(3 * time.Second)
	_, err := r.signIn(at(t, "198.51.100.7"), alice, password)
	require.NoError(t, err, "the account is not locked for the address")
}

// What a limit refuses takes no slot: it is answered while all are taken.
func TestAnAttemptBeyondALimitDoesNotWaitForASlot(t *testing.T) {
	r := start(t)
	for range 5 {
		_, err := r.signIn(at(t, "198.51.100.7"), alice, "wrong password")
		requireReason(t, err, fault.Unauthenticated, "WRONG_CREDENTIALS")
	}
	defer r.occupy(t)()
	for range 10 {
		_, err := r.signIn(at(t, "198.51.100.7"), alice, "wrong password")
		requireReason(t, err, fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	}
	require.Zero(t, r.hasher.Refused())
}
