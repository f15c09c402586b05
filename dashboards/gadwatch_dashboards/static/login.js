// The part of the address behind "#" never reaches the server: it goes on with the form, so that
// a link to a place on a page, or one of MLflow's, still leads there after the login.
const form = document.querySelector("form");
form.action += location.hash;
