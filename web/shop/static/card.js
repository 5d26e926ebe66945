// Groups the digits of a card's number and names its brand while they are typed. The page needs none of it: the server
// checks the card, and takes numbers with and without spaces.

const brands = [
  ["Elo", /^(5066(99|7[0-7])|509|636368|6500(3[1-9]|4\d|5[01]))/, 3],
  ["Hipercard", /^(606282|637095)/, 3],
  ["Amex", /^3[47]/, 4],
  ["JCB", /^35(2[89]|[3-8])/, 3],
  ["Diners", /^3(0[0-5]|6|[89])/, 3],
  ["Discover", /^(6011|64[4-9]|65)/, 3],
  ["Mastercard", /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 3],
  ["Visa", /^4/, 3],
];

const form = document.querySelector("[data-card]");
if (form) {
  const { number, expiry, cvv } = form.elements;
  const chip = form.querySelector("[data-brand]");

  // Replaces the text of a field, and leaves the cursor behind the same digit.
  const replace = (field, text) => {
    if (field.value === text) {
      return;
    }
    const before = field.value.slice(0, field.selectionStart).replace(/\D/g, "").length;
    field.value = text;
    let at = 0;
    for (let digits = 0; digits < before && at < text.length; at += 1) {
      digits += /\d/.test(text[at]) ? 1 : 0;
    }
    field.setSelectionRange(at, at);
  };

  number.addEventListener("input", () => {
    const digits = number.value.replace(/\D/g, "").slice(0, 19);
    const [name, , length] = brands.find(([, pattern]) => pattern.test(digits)) ?? [];
    const groups = name === "Amex" ? /^(\d{1,4})(\d{1,6})?(\d+)?$/ : null;
    const parts = groups ? (digits.match(groups) ?? []).slice(1) : (digits.match(/\d{1,4}/g) ?? []);
    replace(number, parts.filter(Boolean).join(" "));
    chip.hidden = !name;
    chip.textContent = name ?? "";
    cvv.maxLength = length ?? 4;
  });

  expiry.addEventListener("input", (event) => {
    const digits = expiry.value.replace(/\D/g, "").slice(0, 6);
    if (digits.length > 2 && !event.inputType?.startsWith("delete")) {
      replace(expiry, digits.slice(0, 2) + "/" + digits.slice(2));
    }
  });
}
