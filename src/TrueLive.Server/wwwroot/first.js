// Before anything is drawn, and in words that any browser knows: the chosen theme, and whether this browser can show the page at all.
try { document.documentElement.dataset.theme = localStorage.getItem('theme') || ''; } catch (error) { /* forgotten */ }
if (!('noModule' in document.createElement('script')) || !window.CSS || !CSS.supports('color', 'light-dark(red, red)')) {
  document.addEventListener('DOMContentLoaded', function () {
    document.getElementById('too-old').hidden = false;
    document.getElementById('too-old').textContent = 'This browser is too old for this page. Use Chrome or Edge 123, Firefox 120, Safari 17.5, or one that is newer.';
  });
}
