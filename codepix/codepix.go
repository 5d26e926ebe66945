// Package codepix is the language of the hub between banks: keys, claims and payments. It is pure: no I/O, no clock,
// no environment. The hub belongs to no bank and keeps no money.
//
// # Directory
//
//   - Key: an e-mail address, a CPF, a telephone number or a random UUID that stands for one account of one bank.
//   - Claim: the request of one account for a key that another one has.
//   - Claimer and donor: who asks for a key, and who has it.
//   - Bucket: the tokens that a customer or a bank has left for look-ups; a miss costs more than a hit.
//   - Digest: the exclusive or over a bank's keys, by which two sets of keys are compared.
//
// # Payments
//
//   - Payment: money that goes from an account of one bank to an account of another one.
//   - Return: a payment of its own that gives an earlier one back, or a part of it.
//   - End-to-end id: the identity of a payment, made by the sending bank from its own transaction.
//   - Sender and receiver: the bank that the money leaves, and the one that it goes to.
//   - Step: a message about a payment: initiated, confirmed, rejected, completed.
//   - Author: the bank whose key has signed a message. Only the receiver confirms or rejects; only the sender initiates
//     and completes.
package codepix
