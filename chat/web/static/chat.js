// Leave for the sign-in page once the session has ended; name the buttons that the chat view leaves unnamed.
const signedOut = () => window.location.assign("/sign-in");
const plainFetch = window.fetch;
window.fetch = async (...given) => {
  const answer = await plainFetch(...given);
  const address = String(given[0] && given[0].url ? given[0].url : given[0]);
  if (answer.status === 401 || address.endsWith("/logout")) setTimeout(signedOut, 50);
  return answer;
};
const french = navigator.language.startsWith("fr");
const names = french ? { fallback: "Action" } : { fallback: "Action" };
const nameButtons = () => {
  for (const button of document.querySelectorAll("button:not([aria-label])")) {
    if (!button.textContent.trim()) button.setAttribute("aria-label", button.title || button.id || names.fallback);
  }
};
new MutationObserver(nameButtons).observe(document.documentElement, { childList: true, subtree: true });
