addEventListener("change", (event) => event.target.type === "radio" && event.target.form.requestSubmit());
