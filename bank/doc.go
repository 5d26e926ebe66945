// Package bank is the language of the business: accounts, cards, entries, commands, the
// book that commands are decided on, and the ports to the outside. It is pure: no I/O,
// no clock, no environment. Every rule about money stands here or in the Decide method
// of a command, never in SQL and never in a handler.
//
// The life of a purchase, and the file to open for each step:
//
//	purchase.Service   checks the request, resolves immutable facts   purchase/
//	ledger.Executor    queues it, batches it, answers it              ledger/
//	Book               what a batch reads, decides on and changes     book.go
//	Store              one durable transaction per batch              postgres/, inmem/
//	outbox.Relay       committed events to the broker                 outbox/
//
// # Money and accounts
//
//   - Minor units: amounts are whole numbers of the smallest unit of a currency, for example centavos.
//   - Account: a customer's account in one currency; it has a balance, a held amount, a credit limit and a sequence.
//   - Wallet: an account that holds money. It has no credit limit, is never below zero, and pays without a card.
//   - Balance: what the customer has; what the customer owes is negative.
//   - Held: the part of an account that holds have set aside.
//   - Credit limit: how far below zero the balance may go.
//   - Available: balance − held + credit limit; a new debit or hold must not exceed it.
//   - Closed account: an account that ended for good; what is new is declined, and what was paid before is still given back.
//   - Cash account: the internal account at the other end of deposits and withdrawals in one currency.
//   - Settlement account: the internal account that collects the sales of one merchant in one currency until they are paid
//     out; it has no balance of its own in the ledger and is never locked.
//
// # Cards
//
//   - Card: the state of a payment card of one account: blocked or not, wrong attempts, rules, frequency.
//   - Card snapshot: what everybody may see of a card: its id, brand, BIN and last four digits.
//   - BIN: the first six digits of a card number; they name the issuer.
//   - Card data: number, holder's name, expiry and security code as they are printed on a card.
//   - Card token: a text that stands for card data in one purchase; what it stands for is sealed into it.
//   - Nonce: the part of a card token that no other token has; the ledger keeps the nonces of tokens that were used.
//   - Card check: the result of comparing presented card data with the card.
//   - Vault: the keys that seal card numbers and card tokens, find cards by their number and derive security codes.
//   - Risk score: how much a purchase looks like a part of an attack; it is advice and declines nothing.
//
// # Requests and decisions
//
//   - Caller: the program that sends a request; every caller has request ids of its own.
//   - Subject: on whose behalf a request is made: a user, a service, a merchant, an operator or nobody.
//   - Request id: the caller's id of a request; a second request with the same id is a repeat and gets the first answer.
//   - Fingerprint: a keyed hash of everything a request asks for; it tells a repeat from another request with the same id.
//   - Transaction: the result of one request in the ledger; its id is derived from the bank, the caller and the request id.
//   - Merchant: the seller; the caller names it, and the bank stores it only in entries.
//   - Purchase: a debit to a customer in favor of a merchant.
//   - Transfer: a movement between two customer accounts, with an entry on each.
//   - Deposit: cash that a customer pays in, as a credit.
//   - Payout: what a merchant's sales have brought in, as a deposit from the merchant's settlement account.
//   - Withdrawal: cash that a customer takes out, as a debit.
//   - Decline: the decision that a purchase does not happen, with a reason; it takes a sequence like an approval.
//   - Refusal: an entry without an account: the decline of an unknown card, or a request id that was voided before it was decided.
//   - Reversal: what gives back a purchase, a capture or a transfer, or a part of it.
//   - Void: the end of a request id for good: its purchase is given back, its hold is released, or it can never be used.
//   - Kind: what an entry is, for example a purchase; kinds.go says what each kind does.
//   - Relation: how an entry counts towards the earlier transaction that it refers to: given back, captured or released.
//   - Hold: an amount that is set aside until it is captured, voided or expires.
//   - Capture: the debit that takes what a hold has set aside, or a part of it; the rest is released in the same commit.
//   - Expiry: the end of a hold that nobody captured or voided in time.
//   - Release: the entry that sets free what a hold has set aside: a void or an expiry.
//
// # The ledger
//
//   - Ledger: the durable record of all accounts, cards and entries of a bank.
//   - Movement: an amount that goes from a debit account to a credit account.
//   - Entry: one change of one customer account, and at the same time the content of its event; it never changes.
//   - Opening: the first entry of an account.
//   - Closing: the entry that closes an account for good.
//   - Leg: which of a transaction's entries an entry is; a transaction between two customer accounts has legs 0 and 1.
//   - Sequence: the number of an entry within its account: 1, 2, 3 … without a gap.
//   - Command: one request to change the ledger, as a value with the pure function that decides it.
//   - Batch: commands that are decided one after the other and committed together; it has their accounts to itself.
//   - Lane: one of a few goroutines, each of which decides and commits one batch after the other.
//   - Book: the state that a batch is decided on: what the store read, and what the batch decided so far.
//   - Read set: what the store read for a batch.
//   - Write set: what a batch changes, written in one commit; its type is Changes.
//   - Version: a number in an account's row that grows with every change of the account or of its cards.
//   - Account cache: what a process keeps of accounts after its own commits, with their versions.
//   - Backoff: after a conflict the batches with an outdated account are decided under locks for a while.
//   - Optimistic batch: a batch decided on the account cache without locks; its write proves what its decisions rest on.
//   - Conflict: an optimistic batch found another version or a key that was taken; nothing is written, and the batch is
//     decided again.
//
// # Events out
//
//   - Event: what is published about an entry; its id is account and sequence, and its content never changes.
//   - Outbox: the table of committed events that are not known to be on the broker.
//   - Relay: the worker that publishes the events of the outbox; one replica at a time relays.
//   - Lease: the right to relay for a short time; an epoch that grows with every holder fences off the earlier ones.
//   - Watermark: a time up to which all events are on the topic.
package bank
