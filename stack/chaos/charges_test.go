package chaos

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func liveCharge(amount int64, capture bool, seen shownCharge) (*load, *charged) {
	l := &load{observed: newObservations()}
	c := &charged{posted: posted{till: &till{load: l, mode: "live"}, key: "k", path: chargesPath, accepted: []byte("{}"), id: uuid.UUID{1}}, amount: amount, capture: capture}
	c.seen = seen
	l.charges.all = []*charged{c}
	return l, c
}

func TestARepeatOfAChargesKeyIsTheFirstAnswer(t *testing.T) {
	var counts charges
	p := &posted{key: "k", path: chargesPath}
	first := []byte(`{"id": "` + uuid.UUID{7}.String() + `", "status": "pending"}`)
	require.NotEmpty(t, (&posted{}).accept(&deskAnswer{status: 200, body: first}, &charges{}), "another status")
	require.NotEmpty(t, (&posted{}).accept(&deskAnswer{status: 202, body: []byte(`{"status": "approved"}`)}, &charges{}), "decided at once")
	require.Empty(t, p.accept(&deskAnswer{status: 202, body: first, replayed: true}, &counts), "the first answer was lost, or comes behind")
	require.Empty(t, p.accept(&deskAnswer{status: 202, body: first}, &counts))
	require.NotEmpty(t, p.accept(&deskAnswer{status: 202, body: first}, &counts), "accepted twice")
	require.NotEmpty(t, p.accept(&deskAnswer{status: 202, body: append([]byte(" "), first...), replayed: true}, &counts))
	require.Equal(t, int64(1), counts.accepted.Load())
	require.Equal(t, int64(3), counts.repeats.Load())
}

func TestAChargeOnlyMovesOnAndIsDecidedAsItsCardDemands(t *testing.T) {
	declined := &struct{ Reason string }{"EXPIRED"}
	for name, tt := range map[string]struct {
		fails    string
		always   bool
		was, now shownCharge
		found    bool
	}{
		"approved":                    {"", false, shownCharge{}, shownCharge{Status: chargeApproved, CapturedMinor: 100, Version: 2}, false},
		"approved, captured in part":  {"", false, shownCharge{}, shownCharge{Status: chargeApproved, CapturedMinor: 99, Version: 2}, true},
		"approved, must fail":         {"EXPIRED", true, shownCharge{}, shownCharge{Status: chargeApproved, CapturedMinor: 100, Version: 2}, true},
		"rejected":                    {"EXPIRED", true, shownCharge{}, shownCharge{Status: chargeRejected, Error: declined, Version: 2}, false},
		"rejected, must not fail":     {"", false, shownCharge{}, shownCharge{Status: chargeRejected, Error: declined, Version: 2}, true},
		"rejected for another reason": {"BLOCKED", true, shownCharge{}, shownCharge{Status: chargeRejected, Error: declined, Version: 2}, true},
		"decided twice":               {"EXPIRED", false, shownCharge{Status: chargeApproved, CapturedMinor: 100, Version: 2}, shownCharge{Status: chargeRejected, Error: declined, Version: 3}, true},
		"undecided":                   {"", false, shownCharge{Status: chargeApproved, CapturedMinor: 100, Version: 2}, shownCharge{Status: chargePending, Version: 2}, true},
		"given back":                  {"", false, shownCharge{Status: chargeApproved, CapturedMinor: 100, Version: 2}, shownCharge{Status: chargeApproved, CapturedMinor: 100, RefundedMinor: 40, RefundableMinor: 60, Version: 4}, false},
		"given back, too much":        {"", false, shownCharge{Status: chargeApproved, CapturedMinor: 100, Version: 2}, shownCharge{Status: chargeApproved, CapturedMinor: 100, RefundedMinor: 101, Version: 4}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := liveCharge(100, true, tt.was)
			c.fails, c.always = tt.fails, tt.always
			tt.now.ID, tt.now.Mode, tt.now.AmountMinor = c.id, "live", c.amount
			require.Equal(t, tt.found, c.see(&tt.now) != "")
		})
	}
	_, c := liveCharge(100, true, shownCharge{})
	require.NotEmpty(t, c.see(&shownCharge{ID: c.id, Mode: "live", AmountMinor: 101, Status: chargePending}), "another amount")
	require.NotEmpty(t, c.see(&shownCharge{ID: c.id, Mode: "test", AmountMinor: 100, Status: chargePending}), "another mode")
}

func TestALiveChargeIsThePurchaseOfTheBank(t *testing.T) {
	bought, refund := [16]byte{9}, uuid.UUID{2}
	approved := func(kind int16, amount int64) entryRow {
		return entryRow{transaction: bought, kind: kind, status: statusApproved, amount: amount, request: uuid.UUID{1}.String()}
	}
	later := func(kind int16, amount int64, request uuid.UUID) entryRow {
		return entryRow{transaction: [16]byte{8}, original: &bought, kind: kind, status: statusApproved, amount: amount, request: request.String()}
	}
	for name, tt := range map[string]struct {
		capture bool
		seen    shownCharge
		entries []entryRow
		found   bool
	}{
		"captured at once":       {true, shownCharge{Status: chargeApproved, CapturedMinor: 100}, []entryRow{approved(kindPurchase, 100)}, false},
		"not at the bank":        {true, shownCharge{Status: chargeApproved, CapturedMinor: 100}, nil, true},
		"bought twice":           {true, shownCharge{Status: chargeApproved, CapturedMinor: 100}, []entryRow{approved(kindPurchase, 100), approved(kindPurchase, 100)}, true},
		"another amount":         {true, shownCharge{Status: chargeApproved, CapturedMinor: 100}, []entryRow{approved(kindPurchase, 99)}, true},
		"rejected":               {true, shownCharge{Status: chargeRejected}, []entryRow{{kind: kindPurchase, status: statusDeclined, request: uuid.UUID{1}.String()}}, false},
		"rejected and kept":      {true, shownCharge{Status: chargeRejected}, []entryRow{approved(kindPurchase, 100)}, true},
		"rejected and voided":    {true, shownCharge{Status: chargeRejected}, []entryRow{approved(kindPurchase, 100), later(kindVoid, 100, uuid.UUID{1})}, false},
		"captured in part":       {false, shownCharge{Status: chargeApproved, CapturedMinor: 40}, []entryRow{approved(kindHold, 100), later(kindCapture, 40, refund), later(kindVoid, 60, refund)}, false},
		"captured otherwise":     {false, shownCharge{Status: chargeApproved, CapturedMinor: 40}, []entryRow{approved(kindHold, 100), later(kindCapture, 41, refund)}, true},
		"released":               {false, shownCharge{Status: chargeVoided}, []entryRow{approved(kindHold, 100), later(kindVoid, 100, uuid.UUID{1})}, false},
		"released there alone":   {false, shownCharge{Status: chargeAuthorized}, []entryRow{approved(kindHold, 100), later(kindVoid, 100, uuid.UUID{1})}, true},
		"given back":             {true, shownCharge{Status: chargeApproved, CapturedMinor: 100, RefundedMinor: 30}, []entryRow{approved(kindPurchase, 100), later(kindReversal, 30, refund)}, false},
		"given back here alone":  {true, shownCharge{Status: chargeApproved, CapturedMinor: 100, RefundedMinor: 30}, []entryRow{approved(kindPurchase, 100)}, true},
		"given back there twice": {true, shownCharge{Status: chargeApproved, CapturedMinor: 100, RefundedMinor: 30}, []entryRow{approved(kindPurchase, 100), later(kindReversal, 30, refund), later(kindReversal, 30, refund)}, true},
		"nobody asked":           {true, shownCharge{Status: chargeApproved, CapturedMinor: 100}, []entryRow{approved(kindPurchase, 100), later(kindReversal, 30, uuid.UUID{3})}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, c := liveCharge(100, tt.capture, tt.seen)
			c.operations = []*operated{{posted: posted{till: c.till, accepted: []byte("{}"), id: refund}}}
			b := newChargeCheck(l)
			for i := range tt.entries {
				b.add(&tt.entries[i])
			}
			b.check()
			require.Equal(t, tt.found, l.observed.problemOf(chargesAtBank) != nil, fmt.Sprint(l.observed.problemOf(chargesAtBank)))
		})
	}
}

func TestAChargeOfTestModeIsNeverAtTheBank(t *testing.T) {
	l, c := liveCharge(100, true, shownCharge{Status: chargeApproved, CapturedMinor: 100})
	c.till.mode = "test"
	b := newChargeCheck(l)
	b.check()
	require.Nil(t, l.observed.problemOf(chargesAtBank))
	b.add(&entryRow{kind: kindPurchase, status: statusDeclined, request: c.id.String()})
	b.check()
	require.NotNil(t, l.observed.problemOf(chargesAtBank))
}

func TestTheSecurityCodeIsFoundByItsName(t *testing.T) {
	for text, found := range map[string]bool{
		`{"cvv":"737"}`: true, `CVC=737`: true, `security_code: 737`: true, `CVV_MISMATCH 05`: false, `the cvv is wrong`: false, `yJcVc641/x`: false, `737`: false,
	} {
		require.Equal(t, found, securityCodeName.MatchString(text), text)
	}
}
