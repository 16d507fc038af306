// A click, not a change: to choose what is chosen already is an action of the shop too.
addEventListener("click", (event) => event.target.type === "radio" && event.target.form.requestSubmit());
