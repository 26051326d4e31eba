// Runs before anything is drawn, in syntax that every browser knows: sets the theme, and checks whether this browser can show the page.
try {
  document.documentElement.dataset.theme = localStorage.getItem('theme') || '';
} catch (error) {
  /* forgotten */
}
if (!('noModule' in document.createElement('script')) || !window.CSS || !CSS.supports('color', 'light-dark(red, red)')) {
  document.addEventListener('DOMContentLoaded', function () {
    document.getElementById('too-old').hidden = false;
    document.getElementById('too-old').textContent =
      'This browser is too old for this page. Use Chrome or Edge 123, Firefox 120, Safari 17.5, or one that is newer.';
  });
}
