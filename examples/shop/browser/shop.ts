/** The shopper's pages: one socket, the cart's channel, and one channel per product on the page. */
import { CartBox } from "./cart-box.ts";
import { refreshCheckout, watchOrderButton } from "./checkout-page.ts";
import { openSocket } from "./connection.ts";
import { followProducts, showInCart } from "./products.ts";

const { cart: id = "", cartKey: key = "" } = document.body.dataset;
const socket = openSocket("/shop_socket");
watchOrderButton();
new CartBox(socket, { id, key }, (view, isWaiting) => {
  refreshCheckout(view);
  showInCart(view, isWaiting);
});
followProducts(socket, id);
