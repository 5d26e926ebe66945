// Package consumertest helps tests of programs that read topics in a group. The broker of tests keeps the membership of
// a killed program until its session is over, and never forgets a member that goes away while partitions are shared out.
package consumertest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/native/await"
)

// patience bounds the wait for members.
const patience = 5 * time.Minute

// Expire ends every membership in the groups at once, so that a program which starts next need not wait for those of
// killed ones. A group that does not exist has none. No living program may be in the groups.
func Expire(t testing.TB, client *kgo.Client, groups ...string) {
	t.Helper()
	for _, group := range groups {
		members, _ := describe(t, client, group)
		if len(members) == 0 {
			continue
		}
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group = group
		for _, member := range members {
			gone := kmsg.NewLeaveGroupRequestMember()
			gone.MemberID = member
			leave.Members = append(leave.Members, gone)
		}
		_, err := leave.RequestWith(t.Context(), client)
		require.NoError(t, err)
	}
}

// Group is a group of readers, by its name, and a client that asks its broker.
type Group struct {
	Client *kgo.Client
	Name   string
}

// AwaitMembers waits until so many members share the partitions of the group, and at least one that is not among others. It
// returns their ids.
func (g Group) AwaitMembers(t testing.TB, count int, others ...string) (members []string) {
	t.Helper()
	isNew := func(member string) bool { return !slices.Contains(others, member) }
	await.Until(t, func() bool {
		var stable bool
		members, stable = describe(t, g.Client, g.Name)
		return stable && len(members) == count && slices.ContainsFunc(members, isNew)
	}, patience, 20*time.Millisecond, "%d members share the partitions of %s", count, g.Name)
	return members
}

// describe returns the ids of a group's members, and whether its partitions are shared out.
func describe(t testing.TB, client *kgo.Client, group string) (members []string, stable bool) {
	t.Helper()
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{group}
	response, err := request.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.Len(t, response.Groups, 1)
	described := &response.Groups[0]
	if err := kerr.ErrorForCode(described.ErrorCode); err != nil {
		require.ErrorIs(t, err, kerr.GroupIDNotFound)
	}
	for i := range described.Members {
		members = append(members, described.Members[i].MemberID)
	}
	return members, described.State == "Stable"
}
